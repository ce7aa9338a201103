// Undo and redo: the buttons of notices, Ctrl+Z, Ctrl+Shift+Z and Ctrl+Y. The server asks before it changes a booking that this
// page does not show.

import { submitForm } from "./move.js";
import { isTyping } from "./shortcuts.js";

/**
 * @param {() => boolean} isDragging
 * @param {HTMLElement | undefined} calendar on other pages the browser submits the forms itself
 */
export function enableUndo(isDragging, calendar) {
  document.addEventListener("keydown", (event) => {
    const step = requestedStep(event);
    if (!step || isDragging() || event.defaultPrevented || isTyping(event)) return;
    const button = document.querySelector(`form[data-undo="${step}"] button`);
    if (!(button instanceof HTMLElement)) return;
    event.preventDefault();
    if (!event.repeat) button.click();
  });
  if (calendar) document.addEventListener("submit", (event) => send(event, calendar));
}

/** @param {KeyboardEvent} event @returns {string} "last" to undo, "next" to redo, or "" */
function requestedStep(event) {
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
  if (next instanceof HTMLInputElement) next.value = currentAddress(calendar);
  form.closest("dialog")?.close();
  const result = await submitForm(form);
  if (result?.ask) showQuestion(result.ask);
}

/** @param {HTMLElement} calendar @returns {string} with the booking in the panel */
function currentAddress(calendar) {
  const booking = new URL(location.href).searchParams.get("booking");
  return (calendar.dataset.address ?? "") + (booking ? `&booking=${booking}` : "");
}

/** @param {string} html a dialog rendered by the server */
function showQuestion(html) {
  const dialog = new DOMParser().parseFromString(html, "text/html").querySelector("dialog");
  if (!dialog) return;
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
