// A new booking's slots: those of the day that is chosen, as the server lists them. What else was typed stays.

import { send } from "./session.js";

/** @param {Document} root */
export function enableSlots(root) {
  let turn = 0;

  root.addEventListener("change", async ({ target }) => {
    const form = target instanceof HTMLInputElement && target.name === "date" && target.value && target.form;
    if (!form || form.dataset.slots === undefined) return;
    const mine = ++turn;
    const slots = form.elements.namedItem("slot");
    if (!(slots instanceof HTMLSelectElement)) return;
    const found = await slotsOf(form.dataset.slots, target.value, slots.value);
    if (mine !== turn || !found) return;
    const chosen = found.value;
    slots.replaceChildren(...found.children);
    slots.value = chosen;
  });
}

/**
 * @param {string} address of the form @param {string} date @param {string} slot to begin with, where it is free
 * @returns {Promise<HTMLSelectElement | null>} null where it cannot be had
 */
async function slotsOf(address, date, slot) {
  const asked = new URL(address, location.origin);
  asked.searchParams.set("date", date);
  asked.searchParams.set("slot", slot);
  try {
    const answer = await send(asked.href, undefined, { Accept: "text/html", "X-Part": "panel" });
    const page = new DOMParser().parseFromString(answer.ok ? await answer.text() : "", "text/html");
    const found = page.querySelector("form[data-slots] select[name=slot]");
    return found instanceof HTMLSelectElement ? found : null;
  } catch {
    return null;
  }
}
