// What dropping the dragged booking on each cell would do, shown in the cells: the slot's occupancy, or why it is refused.

/** @typedef {{date: string, slot: string, code: string, label: string, description: string}} MoveOption */

export class MoveOptions {
  /**
   * @param {HTMLElement} calendar
   * @param {HTMLElement} booking
   * @param {() => void} onLoad
   */
  constructor(calendar, booking, onLoad) {
    this.calendar = calendar;
    this.slot = booking.dataset.slot ?? "";
    /** @type {Map<string, MoveOption>} */
    this.options = new Map();
    this.stop = new AbortController();
    this.load(booking.dataset.bookingId ?? "").then(onLoad, () => {});
  }

  /** @param {string} booking */
  async load(booking) {
    const dates = this.cells().map((cell) => cell.dataset.dropDate ?? "").sort();
    if (!dates.length) return;
    const query = new URLSearchParams({
      station: this.calendar.dataset.station ?? "", first: dates[0], last: dates[dates.length - 1],
    });
    const response = await fetch(`/bookings/${booking}/move-options/?${query}`, {
      headers: { Accept: "application/json" }, signal: this.stop.signal,
    });
    if (!response.ok) return;
    const { options } = /** @type {{options: MoveOption[]}} */ (await response.json());
    for (const one of options) this.options.set(`${one.date} ${one.slot}`, one);
    if (!this.stop.signal.aborted) this.render();
  }

  render() {
    for (const cell of this.cells()) {
      const option = this.find(cell.dataset.dropDate ?? "", cell.dataset.dropSlot ?? this.slot);
      if (!option) continue;
      cell.dataset.moveOption = option.code || (option.label ? "free" : "current");
      if (!option.label) continue;
      const label = Object.assign(document.createElement("span"), { className: "move-option", textContent: option.label });
      label.setAttribute("aria-hidden", "true");
      cell.prepend(label);
    }
  }

  clear() {
    this.stop.abort();
    for (const label of this.calendar.querySelectorAll(".move-option")) label.remove();
    for (const cell of this.cells()) delete cell.dataset.moveOption;
  }

  /** @param {{date: string, slot: string}} target @returns {string | undefined} for screen readers */
  descriptionOf({ date, slot }) {
    return this.find(date, slot)?.description;
  }

  /** @param {string} date @param {string} slot */
  find(date, slot) {
    return this.options.get(`${date} ${slot}`);
  }

  /** @returns {HTMLElement[]} */
  cells() {
    return [...this.calendar.querySelectorAll("[data-drop-date]")].filter((cell) => cell instanceof HTMLElement);
  }
}
