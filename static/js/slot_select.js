// Loads the slots of the chosen date into the form of a new booking.

import { send } from "./session.js";

/** @param {Document} root */
export function enableSlotSelect(root) {
  let latest = 0;

  /** @param {HTMLInputElement} target */
  const changed = async (target) => {
    const { form } = target;
    if (!form || !target.value || form.dataset.slots === undefined) return;
    const request = ++latest;
    const slots = form.elements.namedItem("slot");
    if (!(slots instanceof HTMLSelectElement)) return;
    const loaded = await loadSlots(form.dataset.slots, target.value, slots.value);
    if (request !== latest || !loaded) return;
    // A slot may have been chosen while these were loading.
    const isFree = [...loaded.options].some((one) => one.value === slots.value && !one.disabled);
    const chosen = isFree ? slots.value : loaded.value;
    slots.replaceChildren(...loaded.children);
    slots.value = chosen;
    slots.dispatchEvent(new Event("change", { bubbles: true }));
  };

  root.addEventListener("change", ({ target }) => {
    if (target instanceof HTMLInputElement && target.name === "date") changed(target);
  });
  // A draft may have been restored before this script was loaded.
  for (const date of root.querySelectorAll("form[data-slots] input[name=date]")) {
    if (date instanceof HTMLInputElement && date.value !== date.defaultValue) changed(date);
  }
}

/**
 * @param {string} address of the form @param {string} date @param {string} slot selected if it is free
 * @returns {Promise<HTMLSelectElement | null>} null where loading failed
 */
async function loadSlots(address, date, slot) {
  const url = new URL(address, location.origin);
  url.searchParams.set("date", date);
  url.searchParams.set("slot", slot);
  try {
    const response = await send(url.href, undefined, { Accept: "text/html", "X-Part": "panel" });
    const page = new DOMParser().parseFromString(response.ok ? await response.text() : "", "text/html");
    const found = page.querySelector("form[data-slots] select[name=slot]");
    return found instanceof HTMLSelectElement ? found : null;
  } catch {
    return null;
  }
}
