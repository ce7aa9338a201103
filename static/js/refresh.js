// Replaces the calendar by the latest one that the server renders, and keeps scroll position and focus.

import { adoptSession, isSignedOut, showSignedOut } from "./session.js";

const TOO_MANY_REQUESTS = 429;

let latest = 0;
let outdated = false;

/** @returns {boolean} whether an update was skipped because a booking was being dragged */
export function isOutdated() {
  return outdated;
}

/**
 * Loads the calendar and shows it if it has changed, except while a booking is being dragged.
 * Rejects where the server cannot be reached. @returns {Promise<number | void>} seconds to wait, from Retry-After
 */
export async function refresh() {
  const request = ++latest;
  const shown = document.querySelector("[data-calendar]");
  if (!(shown instanceof HTMLElement)) return;
  const response = await fetch(location.href, {
    headers: { Accept: "text/html", "X-Part": "calendar", "If-None-Match": isSignedOut() ? "" : shown.dataset.tag ?? "" },
    cache: "no-store",
  });
  const wait = Number(response.headers.get("Retry-After"));
  if (response.status === 304 || response.status === TOO_MANY_REQUESTS || request !== latest) return wait;
  if (response.status === 401) return showSignedOut();
  if (!response.ok) throw new Error(String(response.status), { cause: wait });
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  adoptSession(fresh);
  outdated = document.documentElement.classList.contains("dragging");
  if (outdated || request !== latest) return;
  if (!fresh.querySelector("[data-calendar]")) return location.reload();
  swap(shown, fresh);
}

/** @param {HTMLElement} shown @param {Document} fresh */
function swap(shown, fresh) {
  const [scroll, page] = [positionOf(shown.querySelector(".scroll")), scrollY];
  const focused = selectorOf(document.activeElement);
  const restoreOpen = openElements(shown);
  for (const part of document.querySelectorAll("[data-swap]")) {
    const updated = fresh.querySelector(`[data-swap="${part.getAttribute("data-swap")}"]`);
    if (updated && !part.contains(document.activeElement)) part.replaceChildren(...updated.childNodes);
  }
  const updated = /** @type {HTMLElement} */ (fresh.querySelector("[data-calendar]"));
  Object.assign(shown.dataset, updated.dataset);
  shown.replaceChildren(...updated.childNodes);
  restoreOpen();
  shown.dispatchEvent(new CustomEvent("calendar:updated"));
  shown.querySelector(".scroll")?.scrollTo(...scroll);
  window.scrollTo(scrollX, page);
  const again = focused && shown.querySelector(focused);
  if (again instanceof HTMLElement) again.focus({ preventScroll: true });
}

/** What the person has opened or closed. @param {HTMLElement} shown @returns {() => void} does the same to what replaces it */
function openElements(shown) {
  const popovers = [...shown.querySelectorAll("[popover]")].filter((one) => one.matches(":popover-open")).map(({ id }) => id);
  const states = [...shown.querySelectorAll("details[id], input[type=checkbox][id]")].map((one) => [one.id, isOpen(one)]);
  return () => {
    for (const id of popovers) document.getElementById(id)?.showPopover();
    for (const [id, open] of states) setOpen(document.getElementById(String(id)), Boolean(open));
  };
}

/** @param {Element} one */
function isOpen(one) {
  return one instanceof HTMLInputElement ? one.checked : one.hasAttribute("open");
}

/** @param {Element | null} one @param {boolean} open */
function setOpen(one, open) {
  if (one instanceof HTMLInputElement) one.checked = open;
  else one?.toggleAttribute("open", open);
}

/** @param {Element | null} scroll @returns {[number, number]} */
function positionOf(scroll) {
  return [scroll?.scrollLeft ?? 0, scroll?.scrollTop ?? 0];
}

/** Finds the focused element again in the new grid. @param {Element | null} focused @returns {string} "" outside of the grid */
function selectorOf(focused) {
  if (!focused?.closest("[data-calendar]")) return "";
  const booking = focused.closest("[data-booking-id]")?.getAttribute("data-booking-id");
  if (booking) return `[data-booking-id="${booking}"]${focused.matches("[data-booking-id]") ? "" : " a"}`;
  const href = focused.getAttribute("href");
  if (href) return `a[href="${CSS.escape(href)}"]`;
  return [".scroll", "[data-opens-keys]"].find((name) => focused.matches(name)) ?? "";
}
