// What a drop does: the same form as “Move to…”, sent to the same address; the server says what became of it.

import { refresh } from "./refresh.js";
import { say, warn } from "./voice.js";

/**
 * Moves a booking. A refusal leaves it where it is and says why.
 * @param {HTMLElement} booking
 * @param {{date: string, slot: string}} target
 */
export async function moveTo(booking, target) {
  if (target.date === booking.dataset.date && target.slot === booking.dataset.slot) return;
  const words = new FormData();
  words.set("date", target.date);
  words.set("slot", target.slot);
  words.set("version", booking.dataset.version ?? "");
  words.set("next", location.pathname + location.search);
  booking.classList.add("busy");
  await send(`/bookings/${booking.dataset.bookingId}/move/`, words);
  booking.classList.remove("busy");
}

/** @param {HTMLFormElement} form the notice's own */
export async function undo(form) {
  await send(form.action, new FormData(form));
}

/** @param {string} address @param {FormData} words */
async function send(address, words) {
  warn("");
  try {
    const answer = await fetch(address, {
      method: "POST",
      body: words,
      headers: { Accept: "application/json", "X-CSRFToken": token() },
    });
    if (!answer.headers.get("Content-Type")?.startsWith("application/json")) throw new Error(String(answer.status));
    const said = await answer.json();
    if (said.moved) say(said.notice);
    else warn(said.error);
  } catch {
    warn(document.querySelector("[data-problem]")?.getAttribute("data-problem") ?? "");
    return;
  }
  await refresh();
}

/** @returns {string} the token that every form of the page carries */
function token() {
  const field = document.querySelector("input[name=csrfmiddlewaretoken]");
  return field instanceof HTMLInputElement ? field.value : "";
}
