// The page on which a manager paints the opening hours of a week, by mouse, finger or keyboard.

import { MINUTES_A_DAY, close, formatSlots, open, parseSlots, slotAt, stepOf } from "./week_slots.js";

/** @typedef {import("./week_slots.js").Slot} Slot */

const HOLD_MILLISECONDS = 250;
const SCROLL_PIXELS = 8;
const NO_WEEKDAY = -1;

const form = document.querySelector("form[data-hours]");
if (form instanceof HTMLFormElement) start(form);

/** @param {HTMLFormElement} form */
function start(form) {
  form.hidden = false;
  const field = /** @type {HTMLInputElement} */ (form.elements.namedItem("slots"));
  const grid = /** @type {HTMLTableElement} */ (form.querySelector("[data-grid]"));
  const count = form.querySelector("[data-count]");
  const weekdays = [...grid.querySelectorAll("th[data-weekday]")];
  const days = weekdays.map((head) => Number(head.getAttribute("data-weekday")));
  const names = new Map(weekdays.map((head, index) => [days[index], head.getAttribute("abbr") ?? ""]));
  const times = new Intl.DateTimeFormat(locale(form.dataset.locale), { timeStyle: "short", timeZone: "UTC" });
  const hours = new Intl.DateTimeFormat(locale(form.dataset.locale), { hour: "numeric", timeZone: "UTC" });
  const isTwelveHour = times.resolvedOptions().hour12;
  let slots = parseSlots(field.value);
  let step = 0;

  /** @param {string} name */
  const brushField = (name) => /** @type {HTMLInputElement} */ (form.querySelector(`[data-brush=${name}]`));
  const brush = () => ({
    minutes: Math.max(5, brushField("minutes").valueAsNumber || 60),
    capacity: Math.max(1, brushField("capacity").valueAsNumber || 1),
    guests: brushField("guests").valueAsNumber || null,
  });
  const closes = () => document.querySelector("input[name=tool]:checked")?.getAttribute("value") === "close";
  /** @param {number} minute */
  const clock = (minute) => (isTwelveHour && minute % 60 === 0 ? hours : times).format(new Date((minute % MINUTES_A_DAY) * 60_000));

  /** @param {string} name @param {Record<string, string | number>} facts */
  const say = (name, facts) =>
    Object.entries(facts).reduce((text, [key, value]) => text.replace(`{${key}}`, String(value)), form.dataset[name] ?? "");

  /** Builds the rows, unless they have the right step already. */
  function build() {
    const wanted = stepOf(slots, brush().minutes);
    if (wanted === step) return;
    step = wanted;
    const rows = Array.from({ length: MINUTES_A_DAY / step }, (_, index) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = (index * step) % 60 ? "" : clock(index * step);
      if (!head.textContent) head.setAttribute("aria-label", clock(index * step));
      row.append(head, ...days.map((day) => cell(day, index * step)));
      return row;
    });
    grid.tBodies[0].replaceChildren(...rows);
    const first = slots.length ? Math.min(...slots.map((one) => one.start)) : 9 * 60;
    focusable(cellAt(days[0], first - (first % step)));
  }

  /** @param {number} weekday @param {number} minute */
  function cell(weekday, minute) {
    const made = document.createElement("td");
    made.tabIndex = -1;
    Object.assign(made.dataset, { weekday: String(weekday), minute: String(minute) });
    return made;
  }

  /** @param {number} weekday @param {number} minute @returns {HTMLTableCellElement | undefined} */
  const cellAt = (weekday, minute) => grid.tBodies[0].rows[minute / step]?.cells[days.indexOf(weekday) + 1];
  /** @param {Element | null | undefined} target @returns {HTMLElement | null} */
  const cellOf = (target) => target?.closest("td[data-minute]") ?? null;

  /** @param {HTMLElement | undefined} target the one cell that Tab leads to */
  function focusable(target) {
    if (!target) return;
    for (const one of grid.querySelectorAll("td[tabindex='0']")) if (one instanceof HTMLElement) one.tabIndex = -1;
    target.tabIndex = 0;
  }

  /** Shows the slots, and what will be sent. @param {Slot[]} shown */
  function show(shown) {
    for (const one of grid.querySelectorAll("td[data-minute]")) {
      if (!(one instanceof HTMLElement)) continue;
      const [weekday, minute] = [Number(one.dataset.weekday), Number(one.dataset.minute)];
      const slot = slotAt(shown, weekday, minute);
      const facts = { day: names.get(weekday) ?? "", time: clock(minute) };
      one.classList.toggle("is-open", Boolean(slot));
      one.classList.toggle("is-first", slot?.start === minute);
      one.textContent = slot?.start === minute ? [slot.capacity, slot.guests].filter(Boolean).join(" · ") : "";
      const text = slot
        ? say("messageOpen", { ...facts, end: clock(slot.start + slot.minutes), capacity: slot.capacity })
        : say("messageClosed", facts);
      one.setAttribute("aria-label", text);
    }
    field.value = formatSlots(shown);
    if (count) count.textContent = say("messageCount", { count: shown.length });
  }

  /** What painting from one cell to another makes of slots. @param {Slot[]} before @param {HTMLElement} from @param {HTMLElement} to */
  function painted(before, from, to) {
    const columns = [from, to].map((one) => days.indexOf(Number(one.dataset.weekday)));
    const minutes = [from, to].map((one) => Number(one.dataset.minute));
    const area = {
      weekdays: days.slice(Math.min(...columns), Math.max(...columns) + 1),
      from: Math.min(...minutes),
      to: Math.max(...minutes) + step,
    };
    return closes() ? close(before, area) : open(before, area, brush());
  }

  /** @param {Slot[]} after */
  function commit(after) {
    slots = after;
    build();
    show(slots);
  }

  usePointer(grid, {
    cellOf,
    preview: (from, to) => show(painted(slots, from, to)),
    paint: (from, to) => {
      focusable(from);
      commit(painted(slots, from, to));
    },
    cancel: () => show(slots),
  });

  /** @type {{ cell: HTMLElement, before: Slot[] } | null} where painting with Shift began */
  let anchor = null;
  grid.addEventListener("keydown", (event) => {
    const at = cellOf(/** @type {Element} */ (event.target));
    if (!at) return;
    const [weekday, minute] = [Number(at.dataset.weekday), Number(at.dataset.minute)];
    if (event.key === " " || event.key === "Enter") commit(painted(slots, at, at));
    else if (event.key === "Delete" || event.key === "Backspace") commit(close(slots, { weekdays: [weekday], from: minute, to: minute + step }));
    else if (event.key.startsWith("Arrow")) {
      const next = neighbour(weekday, minute, event.key);
      if (next) {
        if (!event.shiftKey) anchor = null;
        else anchor ??= { cell: at, before: slots };
        focusable(next);
        next.focus();
        if (anchor) commit(painted(anchor.before, anchor.cell, next));
      }
    } else return;
    event.preventDefault();
  });
  grid.addEventListener("keyup", ({ key }) => {
    if (key === "Shift") anchor = null;
  });

  /** @param {number} weekday @param {number} minute @param {string} key */
  function neighbour(weekday, minute, key) {
    const forward = document.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
    if (key === "ArrowUp" || key === "ArrowDown") return cellAt(weekday, minute + (key === "ArrowUp" ? -step : step));
    return cellAt(days[days.indexOf(weekday) + (key === forward ? 1 : -1)] ?? NO_WEEKDAY, minute);
  }

  form.addEventListener("change", ({ target }) => {
    if (target instanceof Element && target.matches("[data-brush=minutes]")) commit(slots);
  });
  commit(slots);
  const scroller = grid.parentElement;
  const current = grid.querySelector("td[tabindex='0']");
  if (scroller && current instanceof HTMLElement) scroller.scrollTop = current.offsetTop - (grid.tHead?.offsetHeight ?? 0);
}

/**
 * @param {HTMLElement} grid
 * @param {{ cellOf: (target: Element | null | undefined) => HTMLElement | null, preview: (from: HTMLElement, to: HTMLElement) => void,
 *   paint: (from: HTMLElement, to: HTMLElement) => void, cancel: () => void }} act
 */
function usePointer(grid, { cellOf, preview, paint, cancel }) {
  /** @type {{ from: HTMLElement, to: HTMLElement, x: number, y: number, isPainting: boolean, timer: number } | null} */
  let held = null;

  /** @param {() => void} [finish] */
  function release(finish) {
    clearTimeout(held?.timer);
    held = null;
    finish?.();
  }

  grid.addEventListener("pointerdown", (event) => {
    const from = cellOf(/** @type {Element} */ (event.target));
    if (!from || event.button) return;
    const begun = { from, to: from, x: event.clientX, y: event.clientY, isPainting: event.pointerType !== "touch", timer: 0 };
    held = begun;
    if (begun.isPainting) return preview(from, from);
    begun.timer = setTimeout(() => {
      begun.isPainting = true;
      navigator.vibrate?.(10);
      preview(begun.from, begun.to);
    }, HOLD_MILLISECONDS);
  });
  document.addEventListener("pointermove", (event) => {
    if (!held) return;
    if (!held.isPainting) {
      if (Math.hypot(event.clientX - held.x, event.clientY - held.y) > SCROLL_PIXELS) release();
      return;
    }
    const to = cellOf(document.elementFromPoint(event.clientX, event.clientY));
    if (!to || to === held.to) return;
    held.to = to;
    preview(held.from, to);
  });
  document.addEventListener("pointerup", () => {
    if (!held) return;
    const { from, to } = held;
    release(() => paint(from, to));
  });
  document.addEventListener("pointercancel", () => held && release(cancel));
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && held) release(cancel);
  });
  // A finger that has held paints, and does not scroll.
  grid.addEventListener("touchmove", (event) => held?.isPainting && event.preventDefault(), { passive: false });
  grid.addEventListener("contextmenu", (event) => held && event.preventDefault());
}

/** @param {string | undefined} wanted @returns {string | undefined} undefined for one that the browser does not know */
function locale(wanted) {
  try {
    return wanted && Intl.getCanonicalLocales(wanted)[0];
  } catch {
    return undefined;
  }
}
