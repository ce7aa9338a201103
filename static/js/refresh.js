// The server draws; this only swaps in what it drew, and keeps where the person was.

import { end, isOver, renew } from "./session.js";

/** The status of an answer to somebody over a limit, who is neither offline nor behind by more than a moment. */
const TOO_MANY = 429;

let latest = 0;
let behind = false;

/** @returns {boolean} whether something new was not drawn because a booking was in the hand */
export function isBehind() {
  return behind;
}

/**
 * Asks for the calendar as it now is and, where it has changed, replaces what is shown; but never under a hand that holds a booking.
 * Rejects where the server cannot be reached. @returns {Promise<number | void>} seconds to wait, where the server says so
 */
export async function refresh() {
  const turn = ++latest;
  const shown = document.querySelector("[data-calendar]");
  if (!(shown instanceof HTMLElement)) return;
  const answer = await fetch(location.href, {
    headers: { Accept: "text/html", "X-Part": "calendar", "If-None-Match": isOver() ? "" : shown.dataset.tag ?? "" },
    cache: "no-store",
  });
  const wait = Number(answer.headers.get("Retry-After"));
  if (answer.status === 304 || answer.status === TOO_MANY || turn !== latest) return wait;
  if (answer.status === 401) return end();
  if (!answer.ok) throw new Error(String(answer.status), { cause: wait });
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  renew(fresh);
  behind = document.documentElement.classList.contains("dragging");
  if (behind || turn !== latest) return;
  if (!fresh.querySelector("[data-calendar]")) return location.reload();
  swap(shown, fresh);
}

/** @param {HTMLElement} shown @param {Document} fresh */
function swap(shown, fresh) {
  const [scroll, page] = [positionOf(shown.querySelector(".scroll")), scrollY];
  const focused = nameOf(document.activeElement);
  for (const part of document.querySelectorAll("[data-swap]")) {
    const drawn = fresh.querySelector(`[data-swap="${part.getAttribute("data-swap")}"]`);
    if (drawn && !part.contains(document.activeElement)) part.replaceChildren(...drawn.childNodes);
  }
  const drawn = /** @type {HTMLElement} */ (fresh.querySelector("[data-calendar]"));
  Object.assign(shown.dataset, drawn.dataset);
  shown.replaceChildren(...drawn.childNodes);
  shown.dispatchEvent(new CustomEvent("calendar:drawn"));
  shown.querySelector(".scroll")?.scrollTo(...scroll);
  window.scrollTo(scrollX, page);
  const again = focused && shown.querySelector(focused);
  if (again instanceof HTMLElement) again.focus({ preventScroll: true });
}

/** @param {Element | null} scroll @returns {[number, number]} */
function positionOf(scroll) {
  return [scroll?.scrollLeft ?? 0, scroll?.scrollTop ?? 0];
}

/** Where the focus is, so that it can be found in the fresh grid. @param {Element | null} focused @returns {string} a selector, or "" */
function nameOf(focused) {
  if (!focused?.closest("[data-calendar]")) return "";
  const booking = focused.closest("[data-booking-id]")?.getAttribute("data-booking-id");
  if (booking) return `[data-booking-id="${booking}"]${focused.matches("[data-booking-id]") ? "" : " a"}`;
  const href = focused.getAttribute("href");
  if (href) return `a[href="${CSS.escape(href)}"]`;
  return [".scroll", "[data-opens-keys]"].find((name) => focused.matches(name)) ?? "";
}
