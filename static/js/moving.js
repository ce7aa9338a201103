// What a drop does: the same form as “Move to…”, sent to the same address; the server says what became of it.

import { refresh } from "./refresh.js";
import * as session from "./session.js";
import { say, warn } from "./voice.js";

/** @typedef {{moved: boolean, notice: string, error: string, ways?: string, ask?: string, booking?: string}} Said */

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
  const said = await send(`/bookings/${bookingId}/move/`, words);
  booking.classList.remove("busy");
  if (said?.moved && target.address) history.pushState({}, "", target.address);
  await redraw();
}

/** Sends one of the notices' own forms. @param {HTMLFormElement} form @returns {Promise<Said | null>} the answer, if there is one */
export async function sendForm(form) {
  const said = await send(form.action, new FormData(form));
  await redraw();
  return said;
}

/**
 * @param {string} address @param {FormData} words
 * @returns {Promise<Said | null>} the answer, which has been said; null where the server could not be reached
 */
async function send(address, words) {
  warn("");
  try {
    const answer = await session.send(address, words, { Accept: "application/json" });
    if (!answer.headers.get("Content-Type")?.startsWith("application/json")) throw new Error(String(answer.status));
    const said = /** @type {Said} */ (await answer.json());
    if (said.moved) tellOf(said);
    else if (!said.ask && answer.status !== 401) warn(said.error, said.ways);
    return said;
  } catch {
    warn(document.querySelector("[data-problem]")?.getAttribute("data-problem") ?? "");
    return null;
  }
}

/** @param {Said} said what became of a booking, for eyes and ears, and for the panel that may show it */
function tellOf(said) {
  say(said.notice);
  document.dispatchEvent(new CustomEvent("booking:changed", { detail: said.booking }));
}

/** The grid as it now is; where the server is away, `watch.js` says so and tries again. */
async function redraw() {
  await refresh().catch(() => {});
}
