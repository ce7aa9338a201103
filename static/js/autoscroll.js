// Scrolls the grid and the page while a booking is dragged near an edge.

const EDGE_PIXELS = 48;
const MAX_PIXELS_PER_FRAME = 14;

/** @typedef {{clientX: number, clientY: number}} Point */

export class AutoScroll {
  /** @param {HTMLElement} calendar @param {(at: Point) => void} onScroll called after each step, as another cell is under the pointer */
  constructor(calendar, onScroll) {
    this.calendar = calendar;
    this.onScroll = onScroll;
    /** @type {Point | null} */
    this.at = null;
    this.frame = 0;
  }

  /** @param {Point} at */
  follow(at) {
    this.at = at;
    if (!this.frame) this.frame = requestAnimationFrame(() => this.step());
  }

  end() {
    cancelAnimationFrame(this.frame);
    this.at = null;
  }

  step() {
    this.frame = 0;
    if (!this.at) return;
    const grid = this.calendar.querySelector(".scroll");
    const before = positions(grid);
    if (grid) grid.scrollBy(...speedOver(grid.getBoundingClientRect(), this.at));
    window.scrollBy(0, speed(this.at.clientY, 0, innerHeight));
    if (before === positions(grid)) return;
    this.onScroll(this.at);
    this.frame = requestAnimationFrame(() => this.step());
  }
}

/** @param {Element | null} grid */
function positions(grid) {
  return [grid?.scrollLeft, grid?.scrollTop, scrollY].join();
}

/**
 * Horizontal and vertical speed; vertical only over the grid: above it are the links to other pages, which are drop targets.
 * @param {DOMRect} box of the grid @param {Point} at @returns {[number, number]}
 */
function speedOver(box, at) {
  const across = speed(at.clientX, Math.max(box.left, 0), Math.min(box.right, innerWidth));
  const isOver = box.top <= at.clientY && at.clientY <= box.bottom;
  return [across, isOver ? speed(at.clientY, Math.max(box.top, 0), Math.min(box.bottom, innerHeight)) : 0];
}

/**
 * Pixels per frame: 0 in the middle, more the nearer to an edge.
 * @param {number} at @param {number} first @param {number} last @returns {number}
 */
export function speed(at, first, last) {
  const near = Math.min((last - first) / 4, EDGE_PIXELS);
  const over = at < first + near ? at - (first + near) : at > last - near ? at - (last - near) : 0;
  const share = Math.max(-1, Math.min(1, over / near));
  return Math.round(share * MAX_PIXELS_PER_FRAME);
}
