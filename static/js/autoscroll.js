// While a booking is carried near an edge, the grid and the page scroll on under it.

const EDGE_PIXELS = 48;
const MOST_PIXELS_A_FRAME = 14;

/** @typedef {{clientX: number, clientY: number}} Point */

export class AutoScroll {
  /** @param {HTMLElement} calendar @param {(at: Point) => void} scrolled is told after each step, for what lies under the point now */
  constructor(calendar, scrolled) {
    this.calendar = calendar;
    this.scrolled = scrolled;
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
    this.scrolled(this.at);
    this.frame = requestAnimationFrame(() => this.step());
  }
}

/** @param {Element | null} grid */
function positions(grid) {
  return [grid?.scrollLeft, grid?.scrollTop, scrollY].join();
}

/**
 * Across and down; up or down only over the grid itself, for above it stand the links that carry a booking over.
 * @param {DOMRect} box of the grid @param {Point} at @returns {[number, number]}
 */
function speedOver(box, at) {
  const across = speed(at.clientX, Math.max(box.left, 0), Math.min(box.right, innerWidth));
  const isOver = box.top <= at.clientY && at.clientY <= box.bottom;
  return [across, isOver ? speed(at.clientY, Math.max(box.top, 0), Math.min(box.bottom, innerHeight)) : 0];
}

/**
 * Pixels a frame: none in the middle, more the nearer to an edge.
 * @param {number} at @param {number} first @param {number} last @returns {number}
 */
export function speed(at, first, last) {
  const near = Math.min((last - first) / 4, EDGE_PIXELS);
  const over = at < first + near ? at - (first + near) : at > last - near ? at - (last - near) : 0;
  const share = Math.max(-1, Math.min(1, over / near));
  return Math.round(share * MOST_PIXELS_A_FRAME);
}
