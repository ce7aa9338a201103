// The door: its buttons without leaving the page, how late each party is, and as of when the page is.

import { submitForm } from "./move.js";
import { isTyping } from "./shortcuts.js";

const INTERVAL_MS = 20_000;
const MINUTE_MS = 60_000;
const HOUR = 60;

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches("#door, #walk-in") || event.defaultPrevented) return;
  event.preventDefault();
  if (form.dataset.busy !== undefined) return;
  form.dataset.busy = "";
  const result = await submitForm(form, event.submitter);
  delete form.dataset.busy;
  if (result?.moved && form.id === "walk-in") document.getElementById("walk-in-sizes")?.removeAttribute("open");
});

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  const isPlain = !(event.ctrlKey || event.metaKey || event.altKey || event.repeat);
  if (!isPlain || !/^[1-9]$/.test(key) || !(target instanceof Element) || isTyping(event)) return;
  const button = target.closest("[data-booking-id]")?.querySelectorAll(".steps button")[Number(key) - 1];
  if (button instanceof HTMLElement) button.click();
});

document.addEventListener("toggle", ({ target }) => {
  if (!(target instanceof HTMLDetailsElement) || !target.open || !target.matches(".walk-in")) return;
  const first = target.querySelector("button");
  if (first instanceof HTMLElement) first.focus();
}, true);

const calendar = document.querySelector("[data-calendar]");
calendar?.addEventListener("calendar:checked", showTime);
calendar?.addEventListener("calendar:updated", updateLate);
window.setInterval(updateLate, INTERVAL_MS);
updateLate();

/** The page is as of now: the server has said so. */
function showTime() {
  const shown = document.querySelector(".as-of");
  const time = shown?.querySelector("time");
  if (!(shown instanceof HTMLElement) || !time) return;
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "short", timeZone: shown.dataset.timeZone });
  time.textContent = format.format(new Date());
}

function updateLate() {
  const door = document.querySelector("[data-door]");
  if (!(door instanceof HTMLElement)) return;
  for (const shown of door.querySelectorAll("[data-starts-at]")) {
    if (shown instanceof HTMLElement) shown.textContent = lateness(minutesSince(shown.dataset.startsAt ?? ""), door.dataset);
  }
}

/** @param {string} instant @returns {number} whole minutes, below 1 if it is not past */
function minutesSince(instant) {
  return Math.floor((Date.now() - Date.parse(instant)) / MINUTE_MS);
}

/** @param {number} minutes @param {DOMStringMap} texts @returns {string} */
function lateness(minutes, { late = "", hoursLate = "" }) {
  if (minutes < 1) return "";
  if (minutes < HOUR) return late.replace("{minutes}", String(minutes));
  return hoursLate.replace("{hours}", String(Math.floor(minutes / HOUR))).replace("{minutes}", String(minutes % HOUR));
}
