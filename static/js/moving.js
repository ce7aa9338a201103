// What a drop does: the same form as “Move to…”, sent to the same address; the server says what became of it.

import { refresh } from "./refresh.js";
import { say, warn } from "./voice.js";

/** @typedef {{moved: boolean, notice: string, error: string, ways?: string}} Said */

/**
 * Moves a booking. A refusal leaves it where it is and says why.
 * @param {HTMLElement} booking
 * @param {import("./places.js").Target} target
 */
export async function moveTo(booking, target) {
  const { date, slot, version = "", bookingId } = booking.dataset;
  if (target.date === date && target.slot === slot && !booking.closest("[data-displaced]")) return;
  const words = new FormData();
  const address = target.address ?? location.pathname + location.search;
  const { station = "" } = booking.closest("[data-station]") instanceof HTMLElement
    ? /** @type {HTMLElement} */ (booking.closest("[data-station]")).dataset : {};
  for (const [name, value] of Object.entries({ station, date: target.date, slot: target.slot, version, next: address })) {
    words.set(name, value);
  }
  booking.classList.add("busy");
  const moved = await send(`/bookings/${bookingId}/move/`, words);
  booking.classList.remove("busy");
  if (moved && target.address) history.pushState({}, "", target.address);
  await redraw();
}

/** Sends one of the notices' own forms. @param {HTMLFormElement} form */
export async function sendForm(form) {
  await send(form.action, new FormData(form));
  await redraw();
}

/**
 * @param {string} address @param {FormData} words
 * @returns {Promise<boolean>} whether the booking was moved
 */
async function send(address, words) {
  warn("");
  try {
    const answer = await fetch(address, {
      method: "POST",
      body: words,
      headers: { Accept: "application/json", "X-CSRFToken": token() },
    });
    if (!answer.headers.get("Content-Type")?.startsWith("application/json")) throw new Error(String(answer.status));
    const said = /** @type {Said} */ (await answer.json());
    if (said.moved) say(said.notice);
    else warn(said.error, said.ways);
    return said.moved;
  } catch {
    warn(document.querySelector("[data-problem]")?.getAttribute("data-problem") ?? "");
    return false;
  }
}

/** The grid as it now is; where the server is away, `watch.js` says so and tries again. */
async function redraw() {
  await refresh().catch(() => {});
}

/** @returns {string} the token that every form of the page carries */
export function token() {
  const field = document.querySelector("input[name=csrfmiddlewaretoken]");
  return field instanceof HTMLInputElement ? field.value : "";
}
