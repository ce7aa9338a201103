// Where a dragged booking can be dropped: cells of the grid, and the links to the previous and next page.

/**
 * @typedef {{date: string, slot: string, element: HTMLElement, address?: string}} Target `address` of the page that a link leads to
 * @typedef {"left" | "right" | "up" | "down"} Direction
 */

/**
 * The target under a point. Over a long booking it is the cell of the same day at the same height.
 * @param {HTMLElement} calendar @param {number} x @param {number} y @param {HTMLElement} booking
 * @returns {Target | null}
 */
export function targetAt(calendar, x, y, booking) {
  const under = document.elementFromPoint(x, y);
  const link = under?.closest("a[data-carry]");
  if (link instanceof HTMLAnchorElement) return targetOnPage(link, booking);
  if (!under || !calendar.contains(under)) return null;
  const long = under.closest("[data-over-date]");
  const cell = long ? cellBeside(calendar, long, y) : under.closest("[data-drop-date]");
  return cell instanceof HTMLElement ? targetOf(cell, booking) : null;
}

/** In a month, where cells are days, the booking keeps its slot. @param {HTMLElement} cell @param {HTMLElement} booking @returns {Target} */
export function targetOf(cell, booking) {
  const { dropDate = "", dropSlot = booking.dataset.slot ?? "" } = cell.dataset;
  return { date: dropDate, slot: dropSlot, element: cell };
}

/** The same slot on another page. @param {HTMLAnchorElement} link @param {HTMLElement} booking @returns {Target} */
export function targetOnPage(link, booking) {
  const { date = "", slot = "" } = booking.dataset;
  return { date: addToDate(date, link.dataset.carry ?? ""), slot, element: link, address: link.href };
}

/**
 * Adds days or months to a date; in a shorter month it is the last day.
 * @param {string} date `2031-03-31` @param {string} by `7d`, `-1m` @returns {string}
 */
export function addToDate(date, by) {
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
 * The cell that an arrow key leads to: the next slot or day in a week, the next day or week in a month.
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
  const ordered = [...along].sort((one, other) => sortKey(one).localeCompare(sortKey(other)));
  return ordered[ordered.indexOf(from) + (ahead ? step : -step)] ?? null;
}

/** @param {HTMLElement} cell */
function sortKey(cell) {
  return `${cell.dataset.dropDate} ${cell.dataset.dropSlot ?? ""}`;
}

/** @param {HTMLElement} calendar @param {Element | null} beside @param {number} y @returns {Element | null} */
function cellBeside(calendar, beside, y) {
  if (!(beside instanceof HTMLElement)) return null;
  const cells = [...calendar.querySelectorAll(`[data-drop-date="${beside.dataset.overDate}"]`)];
  return cells.find((cell) => { const box = cell.getBoundingClientRect(); return box.top <= y && y < box.bottom; }) ?? null;
}
