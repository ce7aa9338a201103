// The customer found while typing: after a pause, by what stands in the field of name, email or phone.

import { send } from "./session.js";
import { sentenceOf } from "./voice.js";

const PAUSE_MS = 250;
const FEWEST_CHARACTERS = 3;

/** @param {Document | HTMLElement} root */
export function enableFinder(root) {
  let timer = 0;
  let turn = 0;

  root.addEventListener("input", ({ target }) => {
    const fields = target instanceof HTMLInputElement && target.closest("[data-finder]");
    if (!(fields instanceof HTMLElement) || !(target instanceof HTMLInputElement)) return;
    window.clearTimeout(timer);
    const mine = ++turn;
    const words = target.value.trim();
    if (words.length < FEWEST_CHARACTERS) return offer(fields, "");
    timer = window.setTimeout(async () => {
      const html = await find(fields, words);
      if (mine === turn) offer(fields, html);
    }, PAUSE_MS);
  });

  root.addEventListener("click", ({ target }) => {
    const chosen = target instanceof Element && target.closest("[data-customer]");
    const form = chosen instanceof HTMLElement && chosen.closest("form");
    if (chosen instanceof HTMLElement && form) choose(form, chosen.dataset.customer ?? "", chosen.dataset.name ?? "");
  });
}

/** @param {HTMLElement} fields @param {string} words @returns {Promise<string>} a list that the server drew */
async function find(fields, words) {
  const body = new FormData();
  body.set("q", words);
  body.set("station", fields.dataset.station ?? "");
  try {
    const answer = await send(fields.dataset.finder ?? "", body, { Accept: "text/html", "X-Part": "panel" });
    const html = answer.ok || answer.status === 429 ? await answer.text() : "";
    const refusal = sentenceOf(html); // of a whole page, by which another limit answers
    return refusal ? Object.assign(document.createElement("p"), { className: "quiet", textContent: refusal }).outerHTML : html;
  } catch {
    return "";
  }
}

/** @param {HTMLElement} fields @param {string} html */
function offer(fields, html) {
  const list = fields.querySelector("[data-found]");
  list?.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
}

/** Somebody known, or, by an empty id, somebody new after all. @param {HTMLFormElement} form @param {string} id @param {string} name */
function choose(form, id, name) {
  const [fields, known] = [form.querySelector("[data-finder]"), form.querySelector("[data-known]")];
  if (!(fields instanceof HTMLFieldSetElement) || !(known instanceof HTMLElement)) return;
  const field = known.querySelector('input[name="customer"]');
  if (field instanceof HTMLInputElement) field.value = id;
  offerOtherContact(known, Boolean(id));
  for (const place of known.querySelectorAll("[data-known-name]")) place.textContent = name;
  fields.hidden = fields.disabled = Boolean(id);
  known.hidden = !id;
  if (!id) offer(fields, "");
  const next = id ? known.querySelector("button") : fields.querySelector("input");
  if (next instanceof HTMLElement) next.focus();
}

/** Fields for another email or phone of somebody known, who has none of them before. @param {HTMLElement} known @param {boolean} shown */
function offerOtherContact(known, shown) {
  const pattern = known.querySelector("template[data-known-contact]");
  if (!(pattern instanceof HTMLTemplateElement)) return;
  known.querySelector("details")?.remove();
  if (shown) known.append(pattern.content.cloneNode(true));
}
