// Polls for changes every few seconds, and less often while the server cannot be reached.

import { showConnectionError } from "./announcements.js";
import { isOutdated, refresh } from "./refresh.js";

/** @typedef {import("./drag.js").DragController} DragController */

const INTERVAL_MS = 10_000;
const MAX_INTERVAL_MS = 60_000;
/** @type {Record<string, string>} */
const NAVIGATION = { click: "a[href^='/']", submit: "form:not([method=dialog])" };

/** Varied by `random` (0 to 1), so that pages do not poll together. @param {number} failures @param {number} seconds at least @param {number} random */
export function nextDelay(failures, seconds, random) {
  const delay = Math.min(INTERVAL_MS * 2 ** Math.max(failures - 1, 0), MAX_INTERVAL_MS);
  return Math.round(Math.max(delay * (0.8 + 0.4 * random), seconds * 1000 * (1 + 0.4 * random)));
}

/** Keeps the calendar up to date, except while a booking is being dragged. @param {DragController} drag */
export function startPolling(drag) {
  let [timer, failures, seconds] = [0, 0, 0];

  async function poll() {
    window.clearTimeout(timer);
    if (!document.hidden && !drag.isActive) await load();
    schedule();
  }

  function schedule() {
    timer = window.setTimeout(poll, nextDelay(failures, seconds, Math.random()));
  }

  async function load() {
    try {
      [seconds, failures] = [(await refresh()) || 0, 0];
      showConnectionError("");
      drag.calendar.dispatchEvent(new CustomEvent("calendar:checked"));
    } catch (/** @type {any} */ error) {
      [seconds, failures] = [error.cause || 0, failures + 1];
      showConnectionError(drag.calendar.dataset.offline ?? "");
    }
  }

  /** Offline, the page stays: a link or a form would lead to the browser's error page. @param {Event} event */
  function stayOffline(event) {
    const leaves = event.target instanceof Element && event.target.closest(NAVIGATION[event.type]);
    if (navigator.onLine || event.defaultPrevented || !leaves) return;
    event.preventDefault();
    showConnectionError(drag.calendar.dataset.offline ?? "");
  }

  for (const type of Object.keys(NAVIGATION)) window.addEventListener(type, stayOffline);
  window.addEventListener("offline", () => showConnectionError(drag.calendar.dataset.offline ?? ""));
  window.addEventListener("online", poll);
  drag.calendar.addEventListener("drag:end", () => { if (isOutdated()) poll(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
  schedule();
}
