// Suggests known customers while a name, email or phone is typed into the form of a new booking.

import { errorSentence } from "./announcements.js";
import { send } from "./session.js";

const DELAY_MS = 250;
const MIN_CHARACTERS = 3;

/** @param {Document | HTMLElement} root */
export function enableCustomerSearch(root) {
  let timer = 0;
  let latest = 0;

  root.addEventListener("input", ({ target }) => {
    const fields = target instanceof HTMLInputElement && target.closest("[data-finder]");
    if (!(fields instanceof HTMLElement) || !(target instanceof HTMLInputElement)) return;
    window.clearTimeout(timer);
    const request = ++latest;
    const query = target.value.trim();
    if (query.length < MIN_CHARACTERS) return showResults(fields, "");
    timer = window.setTimeout(async () => {
      const html = await search(fields, query);
      if (request === latest) showResults(fields, html);
    }, DELAY_MS);
  });

  root.addEventListener("click", ({ target }) => {
    const chosen = target instanceof Element && target.closest("[data-customer]");
    const form = chosen instanceof HTMLElement && chosen.closest("form");
    if (chosen instanceof HTMLElement && form) selectCustomer(form, chosen.dataset.customer ?? "", chosen.dataset.name ?? "");
  });
}

/** @param {HTMLElement} fields @param {string} query @returns {Promise<string>} HTML of a list; "" where the search failed */
async function search(fields, query) {
  const body = new FormData();
  body.set("q", query);
  body.set("station", fields.dataset.station ?? "");
  try {
    const response = await send(fields.dataset.finder ?? "", body, { Accept: "text/html", "X-Part": "panel" });
    const html = response.ok || response.status === 429 ? await response.text() : "";
    const refusal = errorSentence(html); // Rate limits of all requests answer with a whole page.
    return refusal ? Object.assign(document.createElement("p"), { className: "quiet", textContent: refusal }).outerHTML : html;
  } catch {
    return "";
  }
}

/** @param {HTMLElement} fields @param {string} html */
function showResults(fields, html) {
  const list = fields.querySelector("[data-found]");
  list?.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
}

/** @param {HTMLFormElement} form @param {string} id "" to enter a new customer instead @param {string} name */
function selectCustomer(form, id, name) {
  const [fields, known] = [form.querySelector("[data-finder]"), form.querySelector("[data-known]")];
  if (!(fields instanceof HTMLFieldSetElement) || !(known instanceof HTMLElement)) return;
  const field = known.querySelector('input[name="customer"]');
  if (field instanceof HTMLInputElement) field.value = id;
  resetOtherContact(known, Boolean(id));
  for (const place of known.querySelectorAll("[data-known-name]")) place.textContent = name;
  fields.hidden = fields.disabled = Boolean(id);
  known.hidden = !id;
  if (!id) showResults(fields, "");
  const next = id ? known.querySelector("button") : fields.querySelector("input");
  if (next instanceof HTMLElement) next.focus();
}

/** Shows empty fields for another email or phone of a known customer, or removes them. @param {HTMLElement} known @param {boolean} shown */
function resetOtherContact(known, shown) {
  const fields = known.querySelector("template[data-known-contact]");
  if (!(fields instanceof HTMLTemplateElement)) return;
  known.querySelector("details")?.remove();
  if (shown) known.append(fields.content.cloneNode(true));
}
