// The booking being dragged, by mouse, finger or keyboard; one at a time.

import { announce } from "./announcements.js";
import { MoveOptions } from "./move_options.js";

/** @typedef {import("./drop_targets.js").Target} Target */

export class DragController {
  /**
   * @param {HTMLElement} calendar
   * @param {(booking: HTMLElement, target: Target) => Promise<void>} onDrop called when the booking is dropped on a target
   */
  constructor(calendar, onDrop) {
    this.calendar = calendar;
    this.onDrop = onDrop;
    /** @type {HTMLElement | null} */
    this.booking = null;
    /** @type {Target | null} */
    this.target = null;
    /** @type {MoveOptions | null} */
    this.moveOptions = null;
  }

  get isActive() {
    return this.booking !== null;
  }

  /** @param {HTMLElement} booking */
  start(booking) {
    this.booking = booking;
    booking.classList.add("is-dragged");
    document.documentElement.classList.add("dragging");
    this.moveOptions = new MoveOptions(this.calendar, booking, () => this.announceTarget());
    announce(this.message("picked-up"));
  }

  /** @param {Target | null} target where the booking would be dropped now */
  setTarget(target) {
    if (target?.element === this.target?.element) return;
    this.target?.element.classList.remove("over");
    target?.element.classList.add("over");
    this.target = target;
    this.announceTarget();
  }

  /** Without a target nothing happens. */
  async drop() {
    const { booking, target } = this;
    this.reset();
    if (booking && target) await this.onDrop(booking, target);
  }

  cancel() {
    if (!this.isActive) return;
    announce(this.message("put-back"));
    this.reset();
  }

  reset() {
    this.booking?.classList.remove("is-dragged");
    this.target?.element.classList.remove("over");
    this.moveOptions?.clear();
    document.documentElement.classList.remove("dragging");
    this.booking = this.target = this.moveOptions = null;
    this.calendar.dispatchEvent(new CustomEvent("drag:end"));
  }

  announceTarget() {
    if (!this.target) return;
    announce(this.moveOptions?.descriptionOf(this.target) ?? this.target.element.getAttribute("aria-label") ?? "");
  }

  /** @param {string} name @returns {string} one of the page's messages, with the customer's name in it */
  message(name) {
    const who = this.booking?.querySelector(".who")?.getAttribute("title") ?? "";
    return (this.calendar.getAttribute(`data-message-${name}`) ?? "").replace("{who}", who);
  }
}
