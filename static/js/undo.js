// Undo and redo: the buttons of notices, Ctrl+Z, Ctrl+Shift+Z and Ctrl+Y. The server knows what is next, and asks before it
// changes a booking that this page does not show.

import { isTyping } from "./keys.js";
import { sendForm } from "./moving.js";

/**
 * @param {() => boolean} busy whether a booking is in the hand, whose keys come first
 * @param {HTMLElement | undefined} calendar on a page without one the browser sends the forms
 */
export function enableUndo(busy, calendar) {
  document.addEventListener("keydown", (event) => {
    const which = wanted(event);
    if (!which || busy() || event.defaultPrevented || isTyping(event)) return;
    const button = document.querySelector(`form[data-undo="${which}"] button`);
    if (!(button instanceof HTMLElement)) return;
    event.preventDefault();
    if (!event.repeat) button.click();
  });
  if (calendar) document.addEventListener("submit", (event) => send(event, calendar));
}

/** @param {KeyboardEvent} event @returns {string} "last" to undo, "next" to redo, or "" */
function wanted(event) {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return "";
  const key = event.key.toLowerCase();
  if (key === "z") return event.shiftKey ? "next" : "last";
  return key === "y" && !event.shiftKey ? "next" : "";
}

/** @param {SubmitEvent} event @param {HTMLElement} calendar */
async function send(event, calendar) {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches("[data-undo]")) return;
  event.preventDefault();
  const next = form.elements.namedItem("next");
  if (next instanceof HTMLInputElement) next.value = shown(calendar);
  form.closest("dialog")?.close();
  const answer = await sendForm(form);
  if (answer?.ask) ask(answer.ask);
}

/** @param {HTMLElement} calendar @returns {string} the address of what the page shows, the booking in its panel included */
function shown(calendar) {
  const booking = new URL(location.href).searchParams.get("booking");
  return (calendar.dataset.address ?? "") + (booking ? `&booking=${booking}` : "");
}

/** @param {string} html a dialog that the server made */
function ask(html) {
  const dialog = new DOMParser().parseFromString(html, "text/html").querySelector("dialog");
  if (!dialog) return;
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
