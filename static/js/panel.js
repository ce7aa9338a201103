// The panel beside the grid, which shows the pages of a booking. Its links and forms load inside it.

import { refresh } from "./refresh.js";
import { send } from "./session.js";
import { lockForm, unlockForm } from "./submit_once.js";
import { adoptStyles } from "./styles.js";
import { hasUnsavedInput } from "./unsaved_input.js";
import { showNotice, errorSentence, showError } from "./announcements.js";

const CONTACT = /contact\/$/;
const TOO_MANY_REQUESTS = 429;
const BOOKING = /^\/bookings\/([0-9a-f-]{36})\/$/;

export class Panel {
  /** @param {HTMLElement} element @param {HTMLElement} calendar */
  constructor(element, calendar) {
    this.element = element;
    this.calendar = calendar;
    this.address = this.isOpen ? `/bookings/${shownId()}/` : "";
    this.latest = 0;
    /** @type {HTMLElement | null} */
    this.opener = null;
    /** The search field that the panel was opened from, to which the focus returns. @type {HTMLElement | null} */
    this.search = null;
    this.listen();
  }

  get isOpen() {
    return this.element.childElementCount > 0;
  }

  listen() {
    document.addEventListener("click", (event) => this.click(event));
    this.element.addEventListener("submit", (event) => this.submit(event));
    this.calendar.addEventListener("calendar:updated", () => {
      this.markCard();
      this.refresh();
    });
    this.markCard()?.scrollIntoView({ block: "nearest", inline: "nearest" });
    document.addEventListener("panel:open", (event) => event instanceof CustomEvent && this.open(event.detail));
    document.addEventListener("booking:changed", (event) => this.reload(event));
    window.addEventListener("popstate", () => this.handleHistory());
    document.addEventListener("keydown", (event) => {
      const inside = event.target instanceof Node && this.element.contains(event.target);
      const isForPanel = event.key === "Escape" && this.isOpen && (inside || document.activeElement === document.body);
      if (isForPanel && this.confirmDiscard()) this.close();
    });
  }

  /** @param {MouseEvent} event */
  click(event) {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const { target } = event;
    if (!(target instanceof Element) || target.closest("button, summary")) return;
    const link = target.closest("a[href]") ?? target.closest("[data-booking-id]")?.querySelector("a");
    if (!(link instanceof HTMLAnchorElement)) return;
    const inside = this.element.contains(link) && link.pathname.startsWith("/bookings/");
    if (!inside && !link.matches("[data-in-panel], [data-close]")) return;
    event.preventDefault();
    if (!this.confirmDiscard()) return;
    if (link.matches("[data-close]")) return this.close();
    if (!inside) {
      this.opener = link;
      this.search = null;
    }
    this.load(withinPanel(link.href));
  }

  /** @param {{address: string, data?: FormData, opener: HTMLElement}} page asked for by the search field */
  open({ address, data, opener }) {
    if (!this.confirmDiscard()) return;
    this.search = opener;
    this.load(address, { data });
  }

  /** @param {SubmitEvent} event */
  submit(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || event.defaultPrevented) return;
    event.preventDefault();
    if (form.dataset.sent !== undefined) return;
    const data = new FormData(form, event.submitter);
    const address = new URL(form.getAttribute("action") || this.address, location.origin);
    if (form.method === "post") {
      lockForm(form);
      return this.load(address.href, { data, pressed: event.submitter }).finally(() => unlockForm(form));
    }
    address.search = new URLSearchParams(/** @type {any} */ (data)).toString();
    this.load(address.href, { pressed: event.submitter });
  }

  /**
   * Shows a page, and after a POST refreshes the grid.
   * @param {string} address
   * @param {object} options
   * @param {FormData} [options.data]
   * @param {HTMLElement | null} [options.pressed] the button that sent the data, to which the focus returns
   * @param {boolean} [options.quiet] does not move the focus or announce anything
   */
  async load(address, { data, pressed = null, quiet = false } = {}) {
    const request = ++this.latest;
    if (!quiet) {
      this.element.classList.add("loading");
      showError("");
    }
    try {
      const response = await send(address, data, { Accept: "text/html", "X-Part": "panel" });
      const html = await response.text();
      const refusal = response.status === TOO_MANY_REQUESTS ? errorSentence(html) : "";
      if (refusal && request === this.latest && !quiet) showError(refusal);
      if (refusal) return;
      const page = await adoptStyles(html);
      if (request === this.latest && response.status !== 401) this.show(page, new URL(response.url), { pressed, quiet });
    } catch {
      showError(this.calendar.dataset.problem ?? "");
    } finally {
      if (request === this.latest) this.element.classList.remove("loading");
    }
    if (data) await refresh().catch(() => {});
  }

  /** @param {HTMLElement} page @param {URL} address @param {{pressed: HTMLElement | null, quiet: boolean}} options as of `load` */
  show(page, address, { pressed, quiet }) {
    if (!page.querySelector("template[data-notice]")) throw new Error("not a part of the calendar");
    const [notice, error] = ["notice", "error"].map((name) => page.querySelector(`template[data-${name}]`)?.innerHTML.trim() ?? "");
    const path = address.pathname.replace(CONTACT, "");
    this.address = path + address.search;
    this.element.replaceChildren(...[...page.childNodes].filter((node) => node.nodeName !== "TEMPLATE"));
    this.element.dispatchEvent(new CustomEvent("panel:updated", { bubbles: true }));
    this.updateAddress(BOOKING.exec(path)?.[1] ?? "");
    const card = this.markCard();
    if (quiet) return;
    card?.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (notice) showNotice(notice);
    if (error) showError(error);
    this.focusWithin(pressed);
  }

  /** Focuses the button that was pressed if the page still has it, its first field, or its heading. @param {HTMLElement | null} pressed */
  focusWithin(pressed) {
    const same = pressed instanceof HTMLButtonElement && pressed.name
      && this.element.querySelector(`button[name="${pressed.name}"][value="${CSS.escape(pressed.value)}"]`);
    const field = window.matchMedia("(hover: hover)").matches && this.element.querySelector("[autofocus]");
    const target = same || field;
    if (target instanceof HTMLElement) target.focus();
    else this.focusHeading();
  }

  close() {
    this.latest++;
    const id = shownId();
    this.element.replaceChildren();
    this.element.classList.remove("loading");
    this.address = "";
    this.updateAddress("");
    this.markCard();
    const card = id && this.calendar.querySelector(`[data-booking-id="${id}"] a`);
    const back = this.search || card || (this.opener?.isConnected ? this.opener : this.calendar.querySelector("[data-in-panel]"));
    this.search = null;
    if (back instanceof HTMLElement) back.focus();
  }

  /** Marks the card of the booking in the panel. @returns {Element | null} the card */
  markCard() {
    for (const old of this.calendar.querySelectorAll(".is-selected")) {
      old.classList.remove("is-selected");
      old.querySelector(".who")?.removeAttribute("aria-current");
    }
    const id = shownId();
    const card = id ? this.calendar.querySelector(`[data-booking-id="${id}"]`) : null;
    card?.classList.add("is-selected");
    card?.querySelector(".who")?.setAttribute("aria-current", "true");
    return card;
  }

  /** Puts the booking into the page's address, for links and the back button. @param {string} id */
  updateAddress(id) {
    const here = new URL(location.href);
    if ((here.searchParams.get("booking") ?? "") === id) return;
    if (id) here.searchParams.set("booking", id);
    else here.searchParams.delete("booking");
    history.pushState({}, "", here);
  }

  /** The back or forward button was pressed. */
  handleHistory() {
    const here = new URL(location.href);
    const id = here.searchParams.get("booking");
    here.searchParams.delete("booking");
    if (here.pathname + here.search !== this.calendar.dataset.address) return location.reload();
    if (id) this.load(`/bookings/${id}/`);
    else if (this.isOpen) this.close();
  }

  /** The booking was changed elsewhere on this page. @param {Event} event */
  async reload(event) {
    if (!BOOKING.test(this.address) || !(event instanceof CustomEvent) || event.detail !== shownId()) return;
    const hadFocus = this.element.contains(document.activeElement);
    await this.load(this.address, { quiet: true });
    if (hadFocus) this.focusHeading();
  }

  /** @returns {boolean} whether nothing is unsaved, or the person agreed to discard it */
  confirmDiscard() {
    return !hasUnsavedInput(this.element) || window.confirm(document.body.dataset.messageDiscard ?? "");
  }

  focusHeading() {
    const heading = this.element.querySelector("h1");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus();
  }

  /** The calendar was refreshed: so is the panel, unless somebody is using it or has revealed a contact. */
  refresh() {
    const inUse = this.element.contains(document.activeElement) || this.element.querySelector("[data-revealed]") || hasUnsavedInput(this.element);
    if (BOOKING.test(this.address) && shownId() && !inUse) {
      this.load(this.address, { quiet: true });
    }
  }
}

/** A page that leads back to the calendar leads back to its booking instead: the calendar is beside it. @param {string} address */
function withinPanel(address) {
  const inside = new URL(address);
  if (inside.searchParams.has("next")) inside.searchParams.set("next", inside.pathname.replace(/move\/$/, ""));
  return inside.href;
}

/** @returns {string} the booking that the panel shows */
function shownId() {
  return document.querySelector("[data-panel] [data-detail-id]")?.getAttribute("data-detail-id") ?? "";
}
