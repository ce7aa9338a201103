// Mouse and finger. A mouse lifts a booking after a few pixels, a finger after a hold: a swipe before that scrolls as ever.

import { AutoScroll } from "./autoscroll.js";
import { targetAt } from "./places.js";

/** @typedef {import("./hand.js").Hand} Hand */

const SLIP_PIXELS = 5;
const SHORT_SLIP_PIXELS = 12;
const SHORT_SLIP_MS = 150;
const HOLD_MS = 400;

/** Lets bookings inside the hand's calendar be dragged. @param {Hand} hand */
export function enablePointer(hand) {
  const { calendar } = hand;
  /** @type {Drag | null} */
  let drag = null;
  let justDragged = false;

  calendar.addEventListener("pointerdown", (down) => {
    const booking = movable(down.target);
    if (drag) return drag.end("cancel");
    if (!booking || down.button !== 0 || !down.isPrimary || hand.isFull) return;
    justDragged = false;
    drag = new Drag(hand, booking, down, (lifted) => {
      drag = null;
      justDragged = lifted;
    });
  });
  // The click that follows is none, also where the drag had ended before, by Escape.
  window.addEventListener("pointerup", () => window.setTimeout(() => { justDragged = false; }, 0));
  calendar.addEventListener("dragstart", (event) => event.preventDefault());
  calendar.addEventListener("contextmenu", (event) => { if (hand.isFull) event.preventDefault(); });
  calendar.addEventListener("click", (event) => {
    if (!justDragged) return;
    event.preventDefault();
    event.stopPropagation();
  }, { capture: true });
}

/** @param {EventTarget | null} from @returns {HTMLElement | null} */
function movable(from) {
  if (!(from instanceof Element) || from.closest(".moveto")) return null;
  const booking = from.closest("[data-booking-id][data-movable]");
  return booking instanceof HTMLElement ? booking : null;
}

/** What was pressed may have been drawn anew before it is lifted. @param {HTMLElement} calendar @param {HTMLElement} pressed */
function asDrawnNow(calendar, pressed) {
  const same = pressed.isConnected ? null : calendar.querySelector(`[data-booking-id="${pressed.dataset.bookingId}"]`);
  return same instanceof HTMLElement ? same : pressed;
}

/** One press, from down to up. */
class Drag {
  /** @param {Hand} hand @param {HTMLElement} booking @param {PointerEvent} down @param {(lifted: boolean) => void} done */
  constructor(hand, booking, down, done) {
    this.hand = hand;
    this.booking = booking;
    this.down = down;
    this.done = done;
    /** @type {HTMLElement | null} */
    this.ghost = null;
    this.grip = { x: 0, y: 0 };
    this.farthest = 0;
    this.scrolling = new AutoScroll(hand.calendar, (at) => this.carry(at));
    this.stop = new AbortController();
    this.timer = this.byMouse ? 0 : window.setTimeout(() => this.lift(), HOLD_MS);
    this.listen();
  }

  get byMouse() {
    return this.down.pointerType === "mouse";
  }

  listen() {
    const { signal } = this.stop;
    const own = (/** @type {PointerEvent} */ event) => event.pointerId === this.down.pointerId;
    window.addEventListener("pointermove", (event) => { if (own(event)) this.move(event); }, { signal });
    window.addEventListener("pointerup", (event) => { if (own(event)) this.end(this.isSlip(event) ? "click" : "drop"); }, { signal });
    window.addEventListener("pointercancel", (event) => { if (own(event)) this.end("cancel"); }, { signal });
    window.addEventListener("pointerdown", (event) => { if (!own(event)) this.end("cancel"); }, { signal });
    window.addEventListener("blur", () => this.end("cancel"), { signal });
    document.addEventListener("visibilitychange", () => this.end("cancel"), { signal });
    window.addEventListener("keydown", (event) => { if (event.key === "Escape") this.end("cancel"); }, { signal });
    window.addEventListener("touchmove", (event) => { if (this.ghost) event.preventDefault(); }, { signal, passive: false });
  }

  /** @param {PointerEvent} at */
  move(at) {
    const way = Math.hypot(at.clientX - this.down.clientX, at.clientY - this.down.clientY);
    this.farthest = Math.max(this.farthest, way);
    if (!this.ghost && way > SLIP_PIXELS) {
      if (!this.byMouse) return this.end("cancel");
      this.lift();
    }
    if (!this.ghost) return;
    this.carry(at);
    this.scrolling.follow(at);
  }

  lift() {
    this.booking = asDrawnNow(this.hand.calendar, this.booking);
    const { booking, down } = this;
    if (!booking.isConnected) return this.end("cancel");
    const box = booking.getBoundingClientRect();
    const ghost = /** @type {HTMLElement} */ (booking.cloneNode(true));
    for (const name of ["data-booking-id", "data-movable", "tabindex"]) ghost.removeAttribute(name);
    ghost.setAttribute("aria-hidden", "true");
    ghost.inert = true;
    ghost.classList.add("lifted");
    ghost.style.width = `${box.width}px`;
    document.body.append(ghost);
    this.ghost = ghost;
    this.grip = { x: down.clientX - box.left, y: down.clientY - box.top };
    this.hand.take(booking);
    // What it passes over need not be found twice; and a slip ends as a click where it began.
    if (this.byMouse && down.target instanceof Element && down.target.isConnected) down.target.setPointerCapture(down.pointerId);
    this.carry(down);
  }

  /** @param {{clientX: number, clientY: number}} at */
  carry(at) {
    if (!this.ghost) return;
    this.ghost.style.translate = `${at.clientX - this.grip.x}px ${at.clientY - this.grip.y}px`;
    this.hand.aim(targetAt(this.hand.calendar, at.clientX, at.clientY, this.booking));
  }

  /** A slip of the hand is a click. @param {PointerEvent} up */
  isSlip(up) {
    return this.byMouse && this.farthest < SHORT_SLIP_PIXELS && up.timeStamp - this.down.timeStamp < SHORT_SLIP_MS;
  }

  /** @param {"drop" | "click" | "cancel"} as what the press turns out to have been */
  end(as) {
    window.clearTimeout(this.timer);
    this.stop.abort();
    this.scrolling.end();
    const lifted = this.ghost !== null;
    this.ghost?.remove();
    this.ghost = null;
    this.done(lifted && as !== "click");
    if (!lifted) return;
    if (as === "drop") this.hand.drop();
    else this.hand.cancel();
  }
}
