// A text field with a list of choices below it, for keyboard, mouse and touch: the combobox pattern of the ARIA Authoring Practices.
// The server renders the list: rows are options, or rows of a grid whose cells are choices; choices are marked data-choice.

const DELAY_MS = 250;

/**
 * @typedef {object} Options
 * @property {(query: string) => Promise<string>} load renders the list as HTML; "" for none
 * @property {(choice: HTMLElement) => void} choose
 * @property {(query: string) => number} minLength from how many characters on to search
 * @property {boolean} [selectsFirst] whether Enter takes the first choice
 */

export class Combobox {
  /** @param {HTMLInputElement} input @param {HTMLElement} popup @param {Options} options */
  constructor(input, popup, options) {
    this.input = input;
    this.popup = popup;
    this.options = options;
    this.latest = 0;
    this.timer = 0;
    this.isLoading = false;
    /** Enter was pressed before the list came. */
    this.wantsFirst = false;
    /** @type {HTMLElement | null} */
    this.active = null;
    this.listen();
  }

  listen() {
    this.input.setAttribute("role", "combobox");
    this.input.setAttribute("aria-autocomplete", "list");
    this.input.setAttribute("autocomplete", "off");
    this.input.setAttribute("aria-expanded", "false");
    this.input.addEventListener("input", () => this.schedule());
    this.input.addEventListener("focus", () => this.setOpen(this.rows().length > 0));
    this.input.addEventListener("blur", () => this.close());
    this.input.addEventListener("keydown", (event) => this.keydown(event));
    this.popup.addEventListener("mousedown", (event) => event.preventDefault()); // The field keeps the focus.
    this.popup.addEventListener("click", ({ target }) => {
      const choice = target instanceof Element && target.closest("[data-choice]");
      if (choice instanceof HTMLElement && this.isOpen) this.choose(choice);
    });
  }

  get isOpen() {
    return this.input.getAttribute("aria-expanded") === "true";
  }

  get isPending() {
    return this.timer > 0 || this.isLoading;
  }

  schedule() {
    this.cancel();
    const query = this.input.value.trim();
    if (query.length < this.options.minLength(query)) return this.show("");
    this.timer = window.setTimeout(() => this.search(query), DELAY_MS);
  }

  cancel() {
    window.clearTimeout(this.timer);
    this.timer = 0;
    this.latest++;
    this.isLoading = this.wantsFirst = false;
  }

  /** @param {string} query */
  async search(query) {
    window.clearTimeout(this.timer);
    this.timer = 0;
    this.isLoading = true;
    const request = ++this.latest;
    const html = await this.options.load(query);
    if (request !== this.latest) return;
    this.isLoading = false;
    this.show(html);
  }

  /** @param {string} html */
  show(html) {
    const isWanted = this.wantsFirst;
    this.wantsFirst = false;
    this.popup.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    const rows = this.rows();
    this.setOpen(document.activeElement === this.input && html.trim() !== "");
    const [first] = rows[0] ?? [];
    if (first && (this.options.selectsFirst || isWanted)) this.select(first);
    if (first && isWanted && rows.length === 1 && !first.hasAttribute("data-asks")) this.choose(first);
  }

  /** @param {boolean} open */
  setOpen(open) {
    const list = this.popup.querySelector("[role=grid], [role=listbox]");
    this.popup.hidden = !open;
    this.input.setAttribute("aria-expanded", String(open && list !== null));
    if (list) {
      this.input.setAttribute("aria-controls", list.id);
      this.input.setAttribute("aria-haspopup", list.getAttribute("role") ?? "");
    } else this.input.removeAttribute("aria-controls");
    if (!open) this.select(null);
  }

  close() {
    this.cancel();
    this.setOpen(false);
  }

  /** @returns {HTMLElement[][]} the choices of each row */
  rows() {
    const rows = [...this.popup.querySelectorAll("[role=row], [role=option]")];
    const choices = rows.map((row) => (row.matches("[data-choice]") ? [row] : [...row.querySelectorAll("[data-choice]")]));
    return /** @type {HTMLElement[][]} */ (choices.filter((found) => found.length));
  }

  /** @param {HTMLElement | null} choice */
  select(choice) {
    this.active?.removeAttribute("aria-selected");
    this.active = choice;
    if (!choice) return this.input.removeAttribute("aria-activedescendant");
    choice.setAttribute("aria-selected", "true");
    choice.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", choice.id);
  }

  /** @param {HTMLElement} choice */
  choose(choice) {
    this.close();
    this.options.choose(choice);
  }

  /** @param {KeyboardEvent} event */
  keydown(event) {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    const isHandled = event.key === "Enter" ? this.enter() : event.key === "Escape" ? this.escape() : this.arrow(event.key);
    if (!isHandled) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Takes the chosen or only choice, or goes to the first. @returns {boolean} false if the key is to submit the form */
  enter() {
    const rows = this.rows();
    const [first] = rows[0] ?? [];
    if (this.isOpen && first) {
      if (this.active || rows.length === 1) this.choose(this.active ?? first);
      else this.select(first);
      return true;
    }
    if (!this.isPending) return false;
    if (this.timer) this.search(this.input.value.trim());
    this.wantsFirst = true;
    return true;
  }

  escape() {
    if (this.popup.hidden) return false;
    this.close();
    return true;
  }

  /** @param {string} key @returns {boolean} whether it was one that moves in the list */
  arrow(key) {
    const rows = this.rows();
    const row = rows.findIndex((choices) => this.active && choices.includes(this.active));
    const down = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (down && rows.length) {
      this.setOpen(true);
      const next = row < 0 ? (down > 0 ? 0 : rows.length - 1) : (row + down + rows.length) % rows.length;
      this.select(rows[next]?.[0] ?? null);
      return true;
    }
    const aside = this.aside(key);
    const choices = rows[row] ?? [];
    const next = this.active && aside ? choices[choices.indexOf(this.active) + aside] : undefined;
    if (next) this.select(next);
    return next !== undefined;
  }

  /** @param {string} key @returns {number} 1 or -1 for the next or previous choice of a row; 0 where the key moves in the text */
  aside(key) {
    const isRtl = getComputedStyle(this.popup).direction === "rtl";
    const aside = { ArrowRight: isRtl ? -1 : 1, ArrowLeft: isRtl ? 1 : -1 }[key] ?? 0;
    const isAtEnd = this.input.selectionStart === this.input.value.length;
    return isAtEnd && this.isOpen ? aside : 0;
  }
}
