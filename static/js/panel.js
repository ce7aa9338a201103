// The panel beside the grid: any of a booking's pages without its frame. Links and forms inside it stay inside it.

import { refresh } from "./refresh.js";
import { send } from "./session.js";
import { hold, release } from "./submit_once.js";
import { isTyped } from "./typed.js";
import { say, sentenceOf, warn } from "./voice.js";

const ASKED = /contact\/$/;
const TOO_MANY = 429;
const BOOKING = /^\/bookings\/([0-9a-f-]{36})\/$/;

export class Panel {
  /** @param {HTMLElement} element @param {HTMLElement} calendar */
  constructor(element, calendar) {
    this.element = element;
    this.calendar = calendar;
    this.address = this.isOpen ? `/bookings/${shownId()}/` : "";
    this.turn = 0;
    /** @type {HTMLElement | null} */
    this.opener = null;
    this.listen();
  }

  get isOpen() {
    return this.element.childElementCount > 0;
  }

  listen() {
    document.addEventListener("click", (event) => this.click(event));
    this.element.addEventListener("submit", (event) => this.submit(event));
    this.calendar.addEventListener("calendar:drawn", () => this.catchUp());
    document.addEventListener("booking:changed", (event) => this.reload(event));
    window.addEventListener("popstate", () => this.follow());
    document.addEventListener("keydown", (event) => {
      const inside = event.target instanceof Node && this.element.contains(event.target);
      const isMeant = event.key === "Escape" && this.isOpen && (inside || document.activeElement === document.body);
      if (isMeant && this.mayLeave()) this.close();
    });
  }

  /** @param {MouseEvent} event */
  click(event) {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const { target } = event;
    const link = target instanceof Element && (target.closest("a[href]") ?? target.closest("[data-booking-id]")?.querySelector("a"));
    if (!(link instanceof HTMLAnchorElement)) return;
    const inside = this.element.contains(link) && link.pathname.startsWith("/bookings/");
    if (!inside && !link.matches("[data-in-panel], [data-close]")) return;
    event.preventDefault();
    if (!this.mayLeave()) return;
    if (link.matches("[data-close]")) return this.close();
    if (!inside) this.opener = link;
    this.load(withinPanel(link.href));
  }

  /** @param {SubmitEvent} event */
  submit(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || event.defaultPrevented) return;
    event.preventDefault();
    if (form.dataset.sent !== undefined) return;
    const words = new FormData(form, event.submitter);
    const address = new URL(form.getAttribute("action") || this.address, location.origin);
    if (form.method === "post") {
      hold(form);
      return this.load(address.href, words).finally(() => release(form));
    }
    address.search = new URLSearchParams(/** @type {any} */ (words)).toString();
    this.load(address.href);
  }

  /**
   * Shows a page here. What was posted changes the grid too. @param {string} address @param {FormData} [words] @param {boolean} [quiet]
   */
  async load(address, words, quiet = false) {
    const turn = ++this.turn;
    if (!quiet) {
      this.element.classList.add("loading");
      warn("");
    }
    try {
      const answer = await send(address, words, { Accept: "text/html", "X-Part": "panel" });
      const html = await answer.text();
      const refusal = answer.status === TOO_MANY ? sentenceOf(html) : "";
      if (refusal && turn === this.turn && !quiet) warn(refusal);
      if (refusal) return;
      if (turn === this.turn && answer.status !== 401) this.show(html, new URL(answer.url), quiet);
    } catch {
      warn(this.calendar.dataset.problem ?? "");
    } finally {
      if (turn === this.turn) this.element.classList.remove("loading");
    }
    if (words) await refresh().catch(() => {});
  }

  /** @param {string} html @param {URL} address where it stands by itself @param {boolean} quiet leaves focus and voices alone */
  show(html, address, quiet) {
    const page = new DOMParser().parseFromString(html, "text/html");
    if (!page.querySelector("template[data-notice]")) throw new Error("not a part of the calendar");
    const [notice, error] = ["notice", "error"].map((name) => page.querySelector(`template[data-${name}]`)?.innerHTML.trim() ?? "");
    const path = address.pathname.replace(ASKED, "");
    this.address = path + address.search;
    this.element.replaceChildren(...[...page.body.childNodes].filter((node) => node.nodeName !== "TEMPLATE"));
    this.element.dispatchEvent(new CustomEvent("panel:drawn", { bubbles: true }));
    this.remember(BOOKING.exec(path)?.[1] ?? "");
    if (quiet) return;
    if (notice) say(notice);
    if (error) warn(error);
    this.focusHeading();
  }

  close() {
    this.turn++;
    const id = shownId();
    this.element.replaceChildren();
    this.element.classList.remove("loading");
    this.address = "";
    this.remember("");
    const card = id && this.calendar.querySelector(`[data-booking-id="${id}"] a`);
    const back = card || (this.opener?.isConnected ? this.opener : this.calendar.querySelector("[data-in-panel]"));
    if (back instanceof HTMLElement) back.focus();
  }

  /** The booking shown stands in the address, so that a link or the back button brings it again. @param {string} id */
  remember(id) {
    const here = new URL(location.href);
    if ((here.searchParams.get("booking") ?? "") === id) return;
    if (id) here.searchParams.set("booking", id);
    else here.searchParams.delete("booking");
    history.pushState({}, "", here);
  }

  /** Back or forward: another booking, or another page altogether. */
  follow() {
    const here = new URL(location.href);
    const id = here.searchParams.get("booking");
    here.searchParams.delete("booking");
    if (here.pathname + here.search !== this.calendar.dataset.address) return location.reload();
    if (id) this.load(`/bookings/${id}/`);
    else if (this.isOpen) this.close();
  }

  /** After one's own change elsewhere on the page: the booking as it is now, unless somebody is typing here. @param {Event} event */
  async reload(event) {
    if (!BOOKING.test(this.address) || !(event instanceof CustomEvent) || event.detail !== shownId()) return;
    const held = this.element.contains(document.activeElement);
    await this.load(this.address, undefined, true);
    if (held) this.focusHeading();
  }

  /** @returns {boolean} whether nothing that was typed here is lost, or its loss was agreed to */
  mayLeave() {
    return !isTyped(this.element) || window.confirm(document.body.dataset.wordDiscard ?? "");
  }

  focusHeading() {
    const heading = this.element.querySelector("h1");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus();
  }

  /** After others' changes: the booking as it is now, unless somebody is typing here, or reads a number that they asked for. */
  catchUp() {
    const inUse = this.element.contains(document.activeElement) || this.element.querySelector("[data-revealed]") || isTyped(this.element);
    if (BOOKING.test(this.address) && shownId() && !inUse) {
      this.load(this.address, undefined, true);
    }
  }
}

/** A page that would go on to the calendar goes on to its booking here: the calendar is beside it. @param {string} address */
function withinPanel(address) {
  const inside = new URL(address);
  if (inside.searchParams.has("next")) inside.searchParams.set("next", inside.pathname.replace(/move\/$/, ""));
  return inside.href;
}

/** @returns {string} the booking that the panel shows */
function shownId() {
  return document.querySelector("[data-panel] [data-detail-id]")?.getAttribute("data-detail-id") ?? "";
}
