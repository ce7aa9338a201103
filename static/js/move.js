// Moves a booking that was dropped: sends the form of “Move to…” to its own address, and shows the answer.

import { showError, showNotice } from "./announcements.js";
import { refresh } from "./refresh.js";
import * as session from "./session.js";

/** @typedef {{moved: boolean, notice: string, error: string, actions?: string, ask?: string, booking?: string}} ActionResult */

/**
 * After a refusal the booking stays where it is, and the page says why.
 * @param {HTMLElement} booking
 * @param {import("./drop_targets.js").Target} target
 */
export async function moveBooking(booking, target) {
  const { date, slot, version = "", bookingId } = booking.dataset;
  if (target.date === date && target.slot === slot && !booking.closest("[data-displaced]")) return;
  const data = new FormData();
  const address = target.address ?? location.pathname + location.search;
  const { station = "" } = booking.closest("[data-station]") instanceof HTMLElement
    ? /** @type {HTMLElement} */ (booking.closest("[data-station]")).dataset : {};
  for (const [name, value] of Object.entries({ station, date: target.date, slot: target.slot, version, next: address })) {
    data.set(name, value);
  }
  booking.classList.add("busy");
  const result = await send(`/bookings/${bookingId}/move/`, data);
  booking.classList.remove("busy");
  if (result?.moved && target.address) history.pushState({}, "", target.address);
  await update();
}

/**
 * Submits a form without leaving the page.
 * @param {HTMLFormElement} form @param {HTMLElement | null} [submitter] its button, which may name another address
 * @returns {Promise<ActionResult | null>}
 */
export async function submitForm(form, submitter = null) {
  const result = await send(submitter?.getAttribute("formaction") ?? form.action, new FormData(form, submitter));
  await update();
  return result;
}

/**
 * @param {string} address @param {FormData} data
 * @returns {Promise<ActionResult | null>} already shown on the page; null where the server could not be reached
 */
async function send(address, data) {
  showError("");
  try {
    const response = await session.send(address, data, { Accept: "application/json" });
    if (!response.headers.get("Content-Type")?.startsWith("application/json")) throw new Error(String(response.status));
    const result = /** @type {ActionResult} */ (await response.json());
    if (result.moved) showResult(result);
    else if (!result.ask && response.status !== 401) showError(result.error, result.actions);
    return result;
  } catch {
    showError(document.querySelector("[data-problem]")?.getAttribute("data-problem") ?? "");
    return null;
  }
}

/** @param {ActionResult} result */
function showResult(result) {
  showNotice(result.notice);
  document.dispatchEvent(new CustomEvent("booking:changed", { detail: result.booking }));
}

/** Where the server cannot be reached, `polling.js` says so and tries again. */
async function update() {
  await refresh().catch(() => {});
}
