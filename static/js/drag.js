// The hand: pointer events only. A mouse lifts a booking after a few pixels, a finger after a hold; a swipe before that scrolls.

const SLIP = 5;
const HOLD = 400;

/**
 * @typedef {{date: string, slot: string, element: HTMLElement}} Target where a booking would be dropped
 * @typedef {{booking: HTMLElement, ghost: HTMLElement, dx: number, dy: number, target: Target | null}} Hand
 */

/**
 * Lets bookings inside `calendar` be dragged to its cells; `drop` is called with the booking and where it was let go.
 * @param {HTMLElement} calendar
 * @param {(booking: HTMLElement, target: Target) => void} drop
 */
export function enableDrag(calendar, drop) {
  /** @type {Hand | null} */
  let hand = null;
  let justDropped = false;

  calendar.addEventListener("pointerdown", (down) => {
    const booking = movable(down.target);
    if (!booking || down.button !== 0 || !down.isPrimary || hand) return;
    const stop = new AbortController();
    const { signal } = stop;
    const timer = down.pointerType === "mouse" ? 0 : window.setTimeout(() => { hand = lift(booking, down); }, HOLD);

    /** @param {boolean} dropped */
    const end = (dropped) => {
      window.clearTimeout(timer);
      stop.abort();
      if (!hand) return;
      const { target } = hand;
      putDown(hand);
      hand = null;
      justDropped = true;
      window.setTimeout(() => { justDropped = false; }, 0);
      if (dropped && target) drop(booking, target);
    };

    window.addEventListener("pointermove", (move) => {
      if (move.pointerId !== down.pointerId) return;
      const far = Math.hypot(move.clientX - down.clientX, move.clientY - down.clientY) > SLIP;
      if (!hand && far && down.pointerType === "mouse") hand = lift(booking, down);
      else if (!hand && far) end(false);
      if (hand) carry(hand, calendar, move);
    }, { signal });
    window.addEventListener("pointerup", (up) => { if (up.pointerId === down.pointerId) end(true); }, { signal });
    window.addEventListener("pointercancel", () => end(false), { signal });
    window.addEventListener("blur", () => end(false), { signal });
    window.addEventListener("keydown", (key) => { if (key.key === "Escape") end(false); }, { signal });
    window.addEventListener("touchmove", (touch) => { if (hand) touch.preventDefault(); }, { signal, passive: false });
  });

  calendar.addEventListener("dragstart", (event) => event.preventDefault());
  calendar.addEventListener("click", (event) => { if (justDropped) event.preventDefault(); }, { capture: true });
}

/** @param {EventTarget | null} from @returns {HTMLElement | null} */
function movable(from) {
  if (!(from instanceof Element) || from.closest(".moveto")) return null;
  return from.closest("[data-booking-id][data-movable]");
}

/** @param {HTMLElement} booking @param {PointerEvent} at @returns {Hand} */
function lift(booking, at) {
  const box = booking.getBoundingClientRect();
  const ghost = /** @type {HTMLElement} */ (booking.cloneNode(true));
  for (const name of ["data-booking-id", "data-movable"]) ghost.removeAttribute(name);
  ghost.setAttribute("aria-hidden", "true");
  ghost.classList.add("lifted");
  ghost.style.width = `${box.width}px`;
  document.body.append(ghost);
  booking.classList.add("in-hand");
  document.documentElement.classList.add("dragging");
  const hand = { booking, ghost, dx: at.clientX - box.left, dy: at.clientY - box.top, target: null };
  place(hand, at);
  return hand;
}

/** @param {Hand} hand @param {PointerEvent} at */
function place(hand, at) {
  hand.ghost.style.left = `${at.clientX - hand.dx}px`;
  hand.ghost.style.top = `${at.clientY - hand.dy}px`;
}

/** @param {Hand} hand @param {HTMLElement} calendar @param {PointerEvent} at */
function carry(hand, calendar, at) {
  place(hand, at);
  const target = targetAt(calendar, at.clientX, at.clientY, hand.booking.dataset.slot ?? "");
  if (target?.element === hand.target?.element) return;
  hand.target?.element.classList.remove("over");
  target?.element.classList.add("over");
  hand.target = target;
}

/** @param {Hand} hand */
function putDown(hand) {
  hand.ghost.remove();
  hand.booking.classList.remove("in-hand");
  hand.target?.element.classList.remove("over");
  document.documentElement.classList.remove("dragging");
}

/**
 * The cell under a point. Beside a cell stand the tracks of longer bookings: there it is the cell of the same day and height.
 * @param {HTMLElement} calendar @param {number} x @param {number} y @param {string} slot the booking's own, for a month's days
 * @returns {Target | null}
 */
function targetAt(calendar, x, y, slot) {
  const under = document.elementFromPoint(x, y);
  if (!under || !calendar.contains(under)) return null;
  const cell = under.closest("[data-drop-date]") ?? besides(calendar, under.closest("[data-over-date]"), y);
  if (!(cell instanceof HTMLElement)) return null;
  return { date: cell.dataset.dropDate ?? "", slot: cell.dataset.dropSlot ?? slot, element: cell };
}

/** @param {HTMLElement} calendar @param {Element | null} beside @param {number} y @returns {Element | null} */
function besides(calendar, beside, y) {
  if (!(beside instanceof HTMLElement)) return null;
  const cells = [...calendar.querySelectorAll(`[data-drop-date="${beside.dataset.overDate}"]`)];
  return cells.find((cell) => { const box = cell.getBoundingClientRect(); return box.top <= y && y < box.bottom; }) ?? null;
}
