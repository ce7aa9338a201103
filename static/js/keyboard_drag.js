// Dragging by keyboard: Space picks up a booking, arrow keys choose the slot, Space or Enter drops it, Escape puts it back.

import { neighbour, targetOf, targetOnPage } from "./drop_targets.js";

/** @typedef {import("./drag.js").DragController} DragController @typedef {import("./drop_targets.js").Direction} Direction */

/** @type {Record<string, Direction>} */
const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };
/** @type {Record<string, string>} */
const PAGES = { PageUp: "prev", PageDown: "next" };

/** @param {DragController} drag */
export function enableKeyboardDrag(drag) {
  prepare(drag.calendar);
  drag.calendar.addEventListener("calendar:updated", () => prepare(drag.calendar));
  let dragging = false;

  document.addEventListener("keydown", (event) => {
    if (dragging && !drag.isActive) dragging = false;
    if (dragging) return handleKey(event);
    const booking = event.target instanceof Element && event.target.matches(".who, [data-movable]") && event.target.closest("[data-movable]");
    if (!(booking instanceof HTMLElement) || drag.isActive || event.key !== " " || event.repeat) return;
    event.preventDefault();
    dragging = true;
    drag.start(booking);
    const current = cells().find((cell) => cell.contains(booking)) ?? cellOf(booking) ?? firstUpcoming();
    if (current) drag.setTarget(targetOf(current, booking));
  }, { capture: true });
  document.addEventListener("focusout", () => { if (dragging && drag.isActive) window.setTimeout(cancelIfBlurred, 0); });

  /** @param {KeyboardEvent} event */
  function handleKey(event) {
    if (event.key === "Escape") drag.cancel();
    else if (isDropKey(event)) drag.drop();
    else if (ARROWS[event.key]) step(ARROWS[event.key]);
    else if (PAGES[event.key]) targetPage(PAGES[event.key]);
    else if (event.key === "Tab") return drag.cancel();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Direction} direction */
  function step(direction) {
    const { booking, target } = drag;
    if (!booking) return;
    const from = target?.element.matches("[data-drop-date]") ? target.element : cellOf(booking) ?? firstUpcoming();
    const next = from && neighbour(cells(), from, mirrored(direction));
    if (!next) return;
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
    drag.setTarget(targetOf(next, booking));
  }

  /** @param {string} rel */
  function targetPage(rel) {
    const link = document.querySelector(`a[rel=${rel}][data-carry]`);
    if (link instanceof HTMLAnchorElement && drag.booking) drag.setTarget(targetOnPage(link, drag.booking));
  }

  function cancelIfBlurred() {
    if (drag.isActive && !drag.booking?.contains(document.activeElement)) drag.cancel();
  }

  /** @returns {HTMLElement[]} */
  function cells() {
    return [...drag.calendar.querySelectorAll("[data-drop-date]")].filter((cell) => cell instanceof HTMLElement);
  }

  /** @returns {HTMLElement | undefined} where to start with a booking that is not in the grid: the first upcoming cell */
  function firstUpcoming() {
    return cells().find((cell) => !cell.matches(".is-past")) ?? cells().at(-1);
  }

  /** @param {HTMLElement} booking @returns {HTMLElement | undefined} the cell in which it starts */
  function cellOf(booking) {
    const { date, slot } = booking.dataset;
    return cells().find((cell) => cell.dataset.dropDate === date && [undefined, slot].includes(cell.dataset.dropSlot));
  }
}

/** @param {KeyboardEvent} event */
function isDropKey(event) {
  return (event.key === " " || event.key === "Enter") && !event.repeat;
}

/** Swaps left and right in right-to-left languages. @param {Direction} direction @returns {Direction} */
function mirrored(direction) {
  if (document.dir !== "rtl") return direction;
  return direction === "left" ? "right" : direction === "right" ? "left" : direction;
}

/** Describes how to move the bookings that can be moved, and lets scripts focus them. @param {HTMLElement} calendar */
function prepare(calendar) {
  for (const booking of calendar.querySelectorAll("[data-movable]")) {
    booking.setAttribute("tabindex", "-1");
    booking.querySelector(".who")?.setAttribute("aria-describedby", "how-to-move");
    booking.querySelector(".moveto")?.setAttribute("tabindex", "-1");
  }
}
