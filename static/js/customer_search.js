// Suggests known customers while a name, email or phone is typed into the form of a new booking.

import { errorSentence } from "./announcements.js";
import { Combobox } from "./combobox.js";
import { send } from "./session.js";

const MIN_CHARACTERS = 3;

/** @type {WeakSet<HTMLFormElement>} */
const enabled = new WeakSet();

/** @param {Document} root */
export function enableCustomerSearch(root) {
  for (const form of root.forms) {
    const finder = form.querySelector("[data-finder]");
    if (!(finder instanceof HTMLElement) || enabled.has(form)) continue;
    enabled.add(form);
    enableForm(form, finder);
  }
}

/** @param {HTMLFormElement} form @param {HTMLElement} finder */
function enableForm(form, finder) {
  const popup = form.querySelector("[data-found]");
  if (!(popup instanceof HTMLElement)) return;
  for (const input of form.querySelectorAll("[data-contact] input")) {
    if (!(input instanceof HTMLInputElement)) continue;
    const combobox = new Combobox(input, popup, {
      load: (query) => search(finder, query),
      choose: (choice) => selectCustomer(form, choice.dataset.customer ?? "", choice.dataset.name ?? ""),
      minLength: () => MIN_CHARACTERS,
    });
    input.addEventListener("focus", () => input.closest("[data-contact]")?.append(popup));
    if (input === document.activeElement && input.value !== input.defaultValue) combobox.schedule();
  }
  form.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("button[data-customer]")) selectCustomer(form, "", "");
  });
}

/** @param {HTMLElement} finder @param {string} query @returns {Promise<string>} HTML of a list; "" where the search failed */
async function search(finder, query) {
  const body = new FormData();
  body.set("q", query);
  body.set("station", finder.dataset.station ?? "");
  try {
    const response = await send(finder.dataset.finder ?? "", body, { Accept: "text/html", "X-Part": "panel" });
    const html = response.ok || response.status === 429 ? await response.text() : "";
    const refusal = errorSentence(html); // Rate limits of all requests answer with a whole page.
    return refusal ? Object.assign(document.createElement("p"), { className: "quiet", textContent: refusal }).outerHTML : html;
  } catch {
    return "";
  }
}

/** @param {HTMLFormElement} form @param {string} id "" to enter a new customer instead @param {string} name */
function selectCustomer(form, id, name) {
  const known = form.querySelector("[data-known]");
  if (!(known instanceof HTMLElement)) return;
  resetOtherContact(known, Boolean(id));
  for (const place of known.querySelectorAll("[data-known-name]")) place.textContent = name;
  known.hidden = !id;
  for (const fields of form.querySelectorAll("fieldset[data-contact]")) {
    if (fields instanceof HTMLFieldSetElement) fields.hidden = fields.disabled = Boolean(id);
  }
  const next = (id && form.querySelector("[data-party] :checked")) || form.querySelector(id ? "[data-party] input" : "[data-contact] input");
  if (next instanceof HTMLElement) next.focus();
  const field = form.elements.namedItem("customer");
  if (!(field instanceof HTMLInputElement)) return;
  field.value = id;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Shows empty fields for another email or phone of a known customer, or removes them. @param {HTMLElement} known @param {boolean} shown */
function resetOtherContact(known, shown) {
  const fields = known.querySelector("template[data-known-contact]");
  if (!(fields instanceof HTMLTemplateElement)) return;
  known.querySelector("details")?.remove();
  if (shown) known.append(fields.content.cloneNode(true));
}
