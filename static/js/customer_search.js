// Suggests known customers while a name, email or phone is typed into the form of a new booking.

import { Combobox } from "./combobox.js";
import { fetchHits } from "./hits.js";

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
      load: (query) => fetchHits(finder.dataset.finder ?? "", { q: query, station: finder.dataset.station ?? "" }),
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
