// Hits while a caller's name, email or phone is typed into the search field of the calendar. A hit opens its booking in the panel.

import { announce } from "./announcements.js";
import { Combobox } from "./combobox.js";
import { fetchHits, formData } from "./hits.js";
import { adoptStyles } from "./styles.js";

const PREFILLED = "/bookings/new/for/";

/** @type {WeakSet<HTMLInputElement>} */
const enabled = new WeakSet();

/** @param {HTMLInputElement} input the search field of a form */
export function enableLiveSearch(input) {
  const { form } = input;
  if (!form || enabled.has(input)) return;
  enabled.add(input);
  const popup = Object.assign(document.createElement("div"), { className: "live-hits", hidden: true });
  form.append(popup);
  const combobox = new Combobox(input, popup, {
    load: (query) => {
      popup.style.setProperty("--below", `${input.getBoundingClientRect().bottom}px`); // for phones, where it spans the window
      return loadHits(form, query);
    },
    choose: (choice) => open(input, choice),
    // A phone number is found by its last four digits or more.
    minLength: (query) => (/^\d+$/.test(query) ? 4 : 3),
    selectsFirst: true,
  });
  if (input.value) combobox.schedule();
}

/** @param {HTMLFormElement} form @param {string} query @returns {Promise<string>} */
async function loadHits(form, query) {
  const list = await adoptStyles(await fetchHits(`${form.getAttribute("action")}hits/`, { q: query, station: station() }));
  announce(list.querySelector("p")?.textContent ?? "");
  return list.innerHTML;
}

/** @param {HTMLInputElement} input @param {HTMLElement} choice */
function open(input, choice) {
  const { open: address, foundBy } = choice.dataset;
  if (!address) return input.form?.requestSubmit();
  const data = foundBy ? formData({ found_by: foundBy }) : address === PREFILLED ? formData({ q: input.value, station: station() }) : undefined;
  document.dispatchEvent(new CustomEvent("panel:open", { detail: { address, data, opener: input } }));
}

/** @returns {string} the code of the station that the calendar shows */
function station() {
  return document.querySelector("[data-calendar]")?.getAttribute("data-station") ?? "";
}
