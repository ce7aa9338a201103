// Dragging by mouse or finger. A mouse starts a drag after a few pixels, a finger after a long press; a swipe scrolls as usual.

import { AutoScroll } from "./autoscroll.js";
import { targetAt } from "./drop_targets.js";

/** @typedef {import("./drag.js").DragController} DragController */

const DRAG_PIXELS = 5;
const CLICK_PIXELS = 12;
const CLICK_MS = 150;
const LONG_PRESS_MS = 400;

/** @param {DragController} drag */
export function enablePointerDrag(drag) {
  const { calendar } = drag;
  /** @type {PointerDrag | null} */
  let press = null;
  let justDragged = false;

  calendar.addEventListener("pointerdown", (down) => {
    const booking = movable(down.target);
    if (press) return press.end("cancel");
    if (!booking || down.button !== 0 || !down.isPrimary || drag.isActive) return;
    justDragged = false;
    press = new PointerDrag(drag, booking, down, (dragged) => {
      press = null;
      justDragged = dragged;
    });
  });
  // The browser sends a click after a drag, even one that Escape has ended.
  window.addEventListener("pointerup", () => window.setTimeout(() => { justDragged = false; }, 0));
  calendar.addEventListener("dragstart", (event) => event.preventDefault());
  calendar.addEventListener("contextmenu", (event) => { if (drag.isActive) event.preventDefault(); });
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

/** A refresh may have replaced the element since it was pressed. @param {HTMLElement} calendar @param {HTMLElement} pressed */
function currentElement(calendar, pressed) {
  const same = pressed.isConnected ? null : calendar.querySelector(`[data-booking-id="${pressed.dataset.bookingId}"]`);
  return same instanceof HTMLElement ? same : pressed;
}

/** One press of the pointer, which may turn into a drag. */
class PointerDrag {
  /** @param {DragController} drag @param {HTMLElement} booking @param {PointerEvent} down @param {(dragged: boolean) => void} onEnd */
  constructor(drag, booking, down, onEnd) {
    this.drag = drag;
    this.booking = booking;
    this.down = down;
    this.onEnd = onEnd;
    /** @type {HTMLElement | null} */
    this.ghost = null;
    this.grip = { x: 0, y: 0 };
    this.farthest = 0;
    this.autoScroll = new AutoScroll(drag.calendar, (at) => this.dragTo(at));
    this.stop = new AbortController();
    this.timer = this.byMouse ? 0 : window.setTimeout(() => this.begin(), LONG_PRESS_MS);
    this.listen();
  }

  get byMouse() {
    return this.down.pointerType === "mouse";
  }

  listen() {
    const { signal } = this.stop;
    const isSame = (/** @type {PointerEvent} */ event) => event.pointerId === this.down.pointerId;
    window.addEventListener("pointermove", (event) => { if (isSame(event)) this.move(event); }, { signal });
    window.addEventListener("pointerup", (event) => { if (isSame(event)) this.end(this.isClick(event) ? "click" : "drop"); }, { signal });
    window.addEventListener("pointercancel", (event) => { if (isSame(event)) this.end("cancel"); }, { signal });
    window.addEventListener("pointerdown", (event) => { if (!isSame(event)) this.end("cancel"); }, { signal });
    window.addEventListener("blur", () => this.end("cancel"), { signal });
    document.addEventListener("visibilitychange", () => this.end("cancel"), { signal });
    window.addEventListener("keydown", (event) => { if (event.key === "Escape") this.end("cancel"); }, { signal });
    window.addEventListener("touchmove", (event) => { if (this.ghost) event.preventDefault(); }, { signal, passive: false });
  }

  /** @param {PointerEvent} at */
  move(at) {
    const distance = Math.hypot(at.clientX - this.down.clientX, at.clientY - this.down.clientY);
    this.farthest = Math.max(this.farthest, distance);
    if (!this.ghost && distance > DRAG_PIXELS) {
      if (!this.byMouse) return this.end("cancel");
      this.begin();
    }
    if (!this.ghost) return;
    this.dragTo(at);
    this.autoScroll.follow(at);
  }

  begin() {
    this.booking = currentElement(this.drag.calendar, this.booking);
    const { booking, down } = this;
    if (!booking.isConnected) return this.end("cancel");
    const box = booking.getBoundingClientRect();
    const ghost = /** @type {HTMLElement} */ (booking.cloneNode(true));
    for (const name of ["data-booking-id", "data-movable", "tabindex"]) ghost.removeAttribute(name);
    ghost.setAttribute("aria-hidden", "true");
    ghost.inert = true;
    ghost.classList.add("drag-ghost");
    ghost.style.width = `${box.width}px`;
    document.body.append(ghost);
    this.ghost = ghost;
    this.grip = { x: down.clientX - box.left, y: down.clientY - box.top };
    this.drag.start(booking);
    // Saves a hit test for each move; and a short drag ends as a click on the element where it began.
    if (this.byMouse && down.target instanceof Element && down.target.isConnected) down.target.setPointerCapture(down.pointerId);
    this.dragTo(down);
  }

  /** @param {{clientX: number, clientY: number}} at */
  dragTo(at) {
    if (!this.ghost) return;
    this.ghost.style.translate = `${at.clientX - this.grip.x}px ${at.clientY - this.grip.y}px`;
    this.drag.setTarget(targetAt(this.drag.calendar, at.clientX, at.clientY, this.booking));
  }

  /** Whether a short, quick drag was meant as a click. @param {PointerEvent} up */
  isClick(up) {
    return this.byMouse && this.farthest < CLICK_PIXELS && up.timeStamp - this.down.timeStamp < CLICK_MS;
  }

  /** @param {"drop" | "click" | "cancel"} as */
  end(as) {
    window.clearTimeout(this.timer);
    this.stop.abort();
    this.autoScroll.end();
    const dragged = this.ghost !== null;
    this.ghost?.remove();
    this.ghost = null;
    this.onEnd(dragged && as !== "click");
    if (!dragged) return;
    if (as === "drop") this.drag.drop();
    else this.drag.cancel();
  }
}
