// Others at work: asks every few seconds whether anything has changed, which costs next to nothing when nothing has.

import { refresh } from "./refresh.js";
import { warnOfConnection } from "./voice.js";

/** @typedef {import("./hand.js").Hand} Hand */

const PAUSE_MS = 8_000;

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

  window.addEventListener("offline", () => warnOfConnection(hand.calendar.dataset.offline ?? ""));
  window.addEventListener("online", look);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  timer = window.setTimeout(look, PAUSE_MS);
}
