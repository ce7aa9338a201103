// Where a booking can be put down: cells of the grid, and the links to the next and the previous page, which carry it over.

/**
 * @typedef {{date: string, slot: string, element: HTMLElement, address?: string}} Target `address` where the page goes with it
 * @typedef {"left" | "right" | "up" | "down"} Direction
 */

/**
 * What is under a point. Beside a cell stand the tracks of longer bookings: there it is the cell of the same day and height.
 * @param {HTMLElement} calendar @param {number} x @param {number} y @param {HTMLElement} booking
 * @returns {Target | null}
 */
export function targetAt(calendar, x, y, booking) {
  const under = document.elementFromPoint(x, y);
  if (!under || !calendar.contains(under)) return null;
  const link = under.closest("a[data-carry]");
  if (link instanceof HTMLAnchorElement) return carriedOver(link, booking);
  const cell = under.closest("[data-drop-date]") ?? besides(calendar, under.closest("[data-over-date]"), y);
  return cell instanceof HTMLElement ? targetOf(cell, booking) : null;
}

/** @param {HTMLElement} cell @param {HTMLElement} booking whose own slot a month's day keeps @returns {Target} */
export function targetOf(cell, booking) {
  const { dropDate = "", dropSlot = booking.dataset.slot ?? "" } = cell.dataset;
  return { date: dropDate, slot: dropSlot, element: cell };
}

/** The same slot on the page that a link leads to. @param {HTMLAnchorElement} link @param {HTMLElement} booking @returns {Target} */
export function carriedOver(link, booking) {
  const { date = "", slot = "" } = booking.dataset;
  return { date: shifted(date, link.dataset.carry ?? ""), slot, element: link, address: link.href };
}

/**
 * A date some days or months on; in a shorter month its last day.
 * @param {string} date `2031-03-31` @param {string} by `7d`, `-1m` @returns {string}
 */
export function shifted(date, by) {
  const [year, month, day] = date.split("-").map(Number);
  const count = Number.parseInt(by, 10);
  if (by.endsWith("d")) return iso(new Date(Date.UTC(year, month - 1, day + count)));
  const last = new Date(Date.UTC(year, month + count, 0)).getUTCDate();
  return iso(new Date(Date.UTC(year, month - 1 + count, Math.min(day, last))));
}

/** @param {Date} date @returns {string} */
function iso(date) {
  return date.toISOString().slice(0, 10);
}

/**
 * The next cell in a direction: in a week along the slots or days, in a month along the days.
 * @param {HTMLElement[]} cells all of the grid @param {HTMLElement} from @param {Direction} direction @returns {HTMLElement | null}
 */
export function neighbour(cells, from, direction) {
  const { dropDate: date = "", dropSlot: slot } = from.dataset;
  const ahead = direction === "right" || direction === "down";
  const upright = direction === "up" || direction === "down";
  const along = slot === undefined || !upright
    ? cells.filter((cell) => cell.dataset.dropSlot === slot)
    : cells.filter((cell) => cell.dataset.dropDate === date);
  const step = slot === undefined && upright ? 7 : 1;
  const ordered = [...along].sort((one, other) => place(one).localeCompare(place(other)));
  return ordered[ordered.indexOf(from) + (ahead ? step : -step)] ?? null;
}

/** @param {HTMLElement} cell */
function place(cell) {
  return `${cell.dataset.dropDate} ${cell.dataset.dropSlot ?? ""}`;
}

/** @param {HTMLElement} calendar @param {Element | null} beside @param {number} y @returns {Element | null} */
function besides(calendar, beside, y) {
  if (!(beside instanceof HTMLElement)) return null;
  const cells = [...calendar.querySelectorAll(`[data-drop-date="${beside.dataset.overDate}"]`)];
  return cells.find((cell) => { const box = cell.getBoundingClientRect(); return box.top <= y && y < box.bottom; }) ?? null;
}
