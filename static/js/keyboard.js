// The hand of a keyboard: Space or Enter on a booking picks it up, arrows choose a place, Space or Enter drops it, Escape puts it back.

import { carriedOver, neighbour, targetOf } from "./places.js";

/** @typedef {import("./hand.js").Hand} Hand @typedef {import("./places.js").Direction} Direction */

/** @type {Record<string, Direction>} */
const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };
/** @type {Record<string, string>} */
const PAGES = { PageUp: "prev", PageDown: "next" };

/** @param {Hand} hand */
export function enableKeyboard(hand) {
  prepare(hand.calendar);
  hand.calendar.addEventListener("calendar:drawn", () => prepare(hand.calendar));
  let held = false;

  document.addEventListener("keydown", (event) => {
    if (held && !hand.isFull) held = false;
    if (held) return steer(event);
    const booking = event.target;
    if (!(booking instanceof HTMLElement) || !booking.matches("[data-booking-id][data-movable]")) return;
    if (hand.isFull || !isGrip(event)) return;
    event.preventDefault();
    held = true;
    hand.take(booking);
    const home = cells().find((cell) => cell.contains(booking)) ?? cellOf(booking) ?? firstAhead();
    if (home) hand.aim(targetOf(home, booking));
  }, { capture: true });
  document.addEventListener("focusout", () => { if (held && hand.isFull) window.setTimeout(letGoIfLeft, 0); });

  /** @param {KeyboardEvent} event */
  function steer(event) {
    if (event.key === "Escape") hand.cancel();
    else if (isGrip(event)) hand.drop();
    else if (ARROWS[event.key]) step(ARROWS[event.key]);
    else if (PAGES[event.key]) turn(PAGES[event.key]);
    else if (event.key === "Tab") return hand.cancel();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Direction} direction */
  function step(direction) {
    const { booking, target } = hand;
    if (!booking) return;
    const from = target?.element.matches("[data-drop-date]") ? target.element : cellOf(booking) ?? firstAhead();
    const next = from && neighbour(cells(), from, inReadingOrder(direction));
    if (!next) return;
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
    hand.aim(targetOf(next, booking));
  }

  /** @param {string} rel */
  function turn(rel) {
    const link = hand.calendar.querySelector(`a[rel=${rel}][data-carry]`);
    if (link instanceof HTMLAnchorElement && hand.booking) hand.aim(carriedOver(link, hand.booking));
  }

  function letGoIfLeft() {
    if (hand.isFull && document.activeElement !== hand.booking) hand.cancel();
  }

  /** @returns {HTMLElement[]} */
  function cells() {
    return [...hand.calendar.querySelectorAll("[data-drop-date]")].filter((cell) => cell instanceof HTMLElement);
  }

  /** @returns {HTMLElement | undefined} where a booking that stands nowhere here begins its way: as near to now as there is */
  function firstAhead() {
    return cells().find((cell) => !cell.matches(".is-past")) ?? cells().at(-1);
  }

  /** @param {HTMLElement} booking @returns {HTMLElement | undefined} for a longer booking the cell in which it begins */
  function cellOf(booking) {
    const { date, slot } = booking.dataset;
    return cells().find((cell) => cell.dataset.dropDate === date && [undefined, slot].includes(cell.dataset.dropSlot));
  }
}

/** @param {KeyboardEvent} event */
function isGrip(event) {
  return (event.key === " " || event.key === "Enter") && !event.repeat;
}

/** @param {Direction} direction @returns {Direction} where the text runs from right to left, later days lie to the left */
function inReadingOrder(direction) {
  if (document.dir !== "rtl") return direction;
  return direction === "left" ? "right" : direction === "right" ? "left" : direction;
}

/** Bookings that can be moved can be focused, and say how. @param {HTMLElement} calendar */
function prepare(calendar) {
  for (const booking of calendar.querySelectorAll("[data-movable]")) {
    booking.setAttribute("tabindex", "0");
    booking.setAttribute("aria-label", booking.querySelector("a")?.textContent?.replace(/\s+/g, " ").trim() ?? "");
    booking.setAttribute("aria-describedby", "how-to-move");
    booking.querySelector(".moveto")?.setAttribute("tabindex", "-1");
  }
}
