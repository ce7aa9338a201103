// Asks every few seconds whether anything has changed, and less often while the server is away.

import { isBehind, refresh } from "./refresh.js";
import { warnOfConnection } from "./voice.js";

/** @typedef {import("./hand.js").Hand} Hand */

const PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 60_000;
/** @type {Record<string, string>} */
const LEAVES = { click: "a[href^='/']", submit: "form:not([method=dialog])" };

/** By chance longer or shorter, so that pages do not ask together. @param {number} failures @param {number} seconds at least @param {number} chance 0 to 1 */
export function pauseAfter(failures, seconds, chance) {
  const pause = Math.min(PAUSE_MS * 2 ** Math.max(failures - 1, 0), LONGEST_PAUSE_MS);
  return Math.round(Math.max(pause * (0.8 + 0.4 * chance), seconds * 1000 * (1 + 0.4 * chance)));
}

/** Keeps the calendar as its colleagues leave it, but never under a hand that holds a booking. @param {Hand} hand */
export function watch(hand) {
  let [timer, failures, seconds] = [0, 0, 0];

  async function look() {
    window.clearTimeout(timer);
    if (!document.hidden && !hand.isFull) await ask();
    wait();
  }

  function wait() {
    timer = window.setTimeout(look, pauseAfter(failures, seconds, Math.random()));
  }

  async function ask() {
    try {
      [seconds, failures] = [(await refresh()) || 0, 0];
      warnOfConnection("");
    } catch (/** @type {any} */ error) {
      [seconds, failures] = [error.cause || 0, failures + 1];
      warnOfConnection(hand.calendar.dataset.offline ?? "");
    }
  }

  /** Without a connection the page stays: what would leave it for an error of the browser's is held back. @param {Event} event */
  function stay(event) {
    const leaves = event.target instanceof Element && event.target.closest(LEAVES[event.type]);
    if (navigator.onLine || event.defaultPrevented || !leaves) return;
    event.preventDefault();
    warnOfConnection(hand.calendar.dataset.offline ?? "");
  }

  for (const kind of Object.keys(LEAVES)) window.addEventListener(kind, stay);
  window.addEventListener("offline", () => warnOfConnection(hand.calendar.dataset.offline ?? ""));
  window.addEventListener("online", look);
  hand.calendar.addEventListener("hand:empty", () => { if (isBehind()) look(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  wait();
}
