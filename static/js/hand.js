// The hand that holds a booking, whoever moves it: a mouse, a finger or a key. One at a time.

import { Outlook } from "./outlook.js";
import { tell } from "./voice.js";

/** @typedef {import("./places.js").Target} Target */

export class Hand {
  /**
   * @param {HTMLElement} calendar
   * @param {(booking: HTMLElement, target: Target) => Promise<void>} drop what letting go over a place does
   */
  constructor(calendar, drop) {
    this.calendar = calendar;
    this.onDrop = drop;
    /** @type {HTMLElement | null} */
    this.booking = null;
    /** @type {Target | null} */
    this.target = null;
    /** @type {Outlook | null} */
    this.outlook = null;
  }

  get isFull() {
    return this.booking !== null;
  }

  /** @param {HTMLElement} booking */
  take(booking) {
    this.booking = booking;
    booking.classList.add("in-hand");
    document.documentElement.classList.add("dragging");
    this.outlook = new Outlook(this.calendar, booking, () => this.say());
    tell(this.word("taken"));
  }

  /** @param {Target | null} target where it would be dropped now */
  aim(target) {
    if (target?.element === this.target?.element) return;
    this.target?.element.classList.remove("over");
    target?.element.classList.add("over");
    this.target = target;
    this.say();
  }

  /** Let go: over a place it moves there, elsewhere nothing happens. */
  async drop() {
    const { booking, target } = this;
    this.empty();
    if (booking && target) await this.onDrop(booking, target);
  }

  /** Put it back where it was. */
  cancel() {
    if (!this.isFull) return;
    tell(this.word("put-back"));
    this.empty();
  }

  empty() {
    this.booking?.classList.remove("in-hand");
    this.target?.element.classList.remove("over");
    this.outlook?.clear();
    document.documentElement.classList.remove("dragging");
    this.booking = this.target = this.outlook = null;
    this.calendar.dispatchEvent(new CustomEvent("hand:empty"));
  }

  say() {
    if (!this.target) return;
    tell(this.outlook?.saysOf(this.target) ?? this.target.element.getAttribute("aria-label") ?? "");
  }

  /** @param {string} name @returns {string} what the page calls it, with the booking's name in it */
  word(name) {
    const who = this.booking?.querySelector(".name")?.textContent?.trim() ?? "";
    return (this.calendar.getAttribute(`data-word-${name}`) ?? "").replace("{who}", who);
  }
}
