// Others at work: asks every few seconds whether anything has changed, which costs next to nothing when nothing has.

import { isBehind, refresh } from "./refresh.js";
import { warnOfConnection } from "./voice.js";

/** @typedef {import("./hand.js").Hand} Hand */

const PAUSE_MS = 8_000;
/** @type {Record<string, string>} */
const LEAVES = { click: "a[href^='/']", submit: "form:not([method=dialog])" };

/** Keeps the calendar as its colleagues leave it, but never under a hand that holds a booking. @param {Hand} hand */
export function watch(hand) {
  let timer = 0;

  async function look() {
    window.clearTimeout(timer);
    if (!document.hidden && !hand.isFull) await ask();
    timer = window.setTimeout(look, PAUSE_MS);
  }

  async function ask() {
    try {
      await refresh();
      warnOfConnection("");
    } catch {
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
  timer = window.setTimeout(look, PAUSE_MS);
}
