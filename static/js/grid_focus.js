// One Tab stop for the whole grid: arrow keys move the focus between its bookings and its links to new bookings.

import { mirrored } from "./shortcuts.js";

const STOPS = ".scroll :is(.who, .add)";
/** How much worse a stop is that lies beside the direction of the arrow, compared with one that is further away. */
const ASIDE = 3;
/** Distance in pixels that does not count, such as a border. */
const SLACK = 2;

/** @typedef {"ArrowLeft" | "ArrowRight" | "ArrowUp" | "ArrowDown"} Arrow */

/** @param {HTMLElement} calendar @param {() => boolean} isDragging while a booking is dragged, arrow keys choose its slot */
export function enableGridFocus(calendar, isDragging) {
  const stops = () => [...calendar.querySelectorAll(STOPS)].filter((one) => one instanceof HTMLElement);
  const update = () => setTabStop(stops(), calendar.contains(document.activeElement) ? document.activeElement : null);
  update();
  calendar.addEventListener("calendar:updated", update);
  calendar.addEventListener("focusin", ({ target }) => {
    if (target instanceof Element && target.matches(STOPS)) setTabStop(stops(), target);
  });
  calendar.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (isDragging() || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const from = target instanceof Element && (target.matches("[data-booking-id]") ? target.querySelector(".who") : target);
    if (!from || !from.matches(STOPS) || !key.startsWith("Arrow")) return;
    event.preventDefault();
    const arrow = /** @type {Arrow} */ (key);
    const next = neighbour(stops(), from, arrow);
    if (next) next.focus();
    else turnPage(arrow);
  });
}

/** @param {HTMLElement[]} stops @param {Element | null} current */
function setTabStop(stops, current) {
  const chosen = stops.find((one) => one === current) ?? stops.find((one) => one.closest(".is-selected"))
    ?? stops.find((one) => one.matches(".who") && !one.closest(".is-past")) ?? stops[0];
  for (const stop of stops) stop.tabIndex = stop === chosen ? 0 : -1;
}

/**
 * The nearest stop in the direction of an arrow key.
 * @param {HTMLElement[]} stops @param {Element} from @param {Arrow} arrow @returns {HTMLElement | undefined}
 */
export function neighbour(stops, from, arrow) {
  const here = from.getBoundingClientRect();
  let best;
  let least = Infinity;
  for (const stop of stops) {
    const distance = distanceTo(here, stop.getBoundingClientRect(), arrow);
    if (stop === from || distance >= least) continue;
    best = stop;
    least = distance;
  }
  return best;
}

/** Infinity if it does not lie in that direction. @param {DOMRect} here @param {DOMRect} there @param {Arrow} arrow */
export function distanceTo(here, there, arrow) {
  if (!there.width) return Infinity;
  const [dx, dy] = [there.left - here.left, there.top - here.top];
  const upright = arrow === "ArrowUp" || arrow === "ArrowDown";
  const ahead = { ArrowLeft: -dx, ArrowRight: dx, ArrowUp: -dy, ArrowDown: dy };
  if (ahead[arrow] <= SLACK) return Infinity;
  return upright ? Math.abs(dy) + ASIDE * Math.abs(dx) : Math.abs(dx) + ASIDE * Math.abs(dy);
}

/** Beyond the edge of the grid is the page before or after it. @param {Arrow} arrow */
function turnPage(arrow) {
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[mirrored(arrow)];
  const link = rel && document.querySelector(`a[rel=${rel}][data-carry]`);
  if (link instanceof HTMLElement) link.click();
}
