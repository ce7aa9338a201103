// What every cell would be for the booking in the hand, or the rule that forbids it: the server's own word, drawn into the cells.

/** @typedef {{date: string, slot: string, code: string, after: string, says: string}} Prospect */

export class Outlook {
  /**
   * @param {HTMLElement} calendar
   * @param {HTMLElement} booking
   * @param {() => void} known is called once the server has answered
   */
  constructor(calendar, booking, known) {
    this.calendar = calendar;
    this.slot = booking.dataset.slot ?? "";
    /** @type {Map<string, Prospect>} */
    this.prospects = new Map();
    this.stop = new AbortController();
    this.load(booking.dataset.bookingId ?? "").then(known, () => {});
  }

  /** @param {string} booking */
  async load(booking) {
    const dates = this.cells().map((cell) => cell.dataset.dropDate ?? "").sort();
    if (!dates.length) return;
    const asked = new URLSearchParams({
      station: this.calendar.dataset.station ?? "", first: dates[0], last: dates[dates.length - 1],
    });
    const answer = await fetch(`/bookings/${booking}/outlook/?${asked}`, {
      headers: { Accept: "application/json" }, signal: this.stop.signal,
    });
    if (!answer.ok) return;
    const { places } = /** @type {{places: Prospect[]}} */ (await answer.json());
    for (const one of places) this.prospects.set(`${one.date} ${one.slot}`, one);
    if (!this.stop.signal.aborted) this.draw();
  }

  draw() {
    for (const cell of this.cells()) {
      const prospect = this.prospectOf(cell.dataset.dropDate ?? "", cell.dataset.dropSlot ?? this.slot);
      if (!prospect) continue;
      cell.dataset.outlook = prospect.code || (prospect.after ? "free" : "home");
      if (!prospect.after) continue;
      const mark = Object.assign(document.createElement("span"), { className: "outlook", textContent: prospect.after });
      mark.setAttribute("aria-hidden", "true");
      cell.prepend(mark);
    }
  }

  clear() {
    this.stop.abort();
    for (const mark of this.calendar.querySelectorAll(".outlook")) mark.remove();
    for (const cell of this.cells()) delete cell.dataset.outlook;
  }

  /** @param {{date: string, slot: string}} place @returns {string | undefined} */
  saysOf({ date, slot }) {
    return this.prospectOf(date, slot)?.says;
  }

  /** @param {string} date @param {string} slot */
  prospectOf(date, slot) {
    return this.prospects.get(`${date} ${slot}`);
  }

  /** @returns {HTMLElement[]} */
  cells() {
    return [...this.calendar.querySelectorAll("[data-drop-date]")].filter((cell) => cell instanceof HTMLElement);
  }
}
