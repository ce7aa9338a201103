// A new booking's slots: those of the day that is chosen, as the server lists them. What else was typed stays.

/** @param {Document} root */
export function enableSlots(root) {
  let turn = 0;

  root.addEventListener("change", async ({ target }) => {
    const form = target instanceof HTMLInputElement && target.name === "date" && target.value && target.form;
    if (!form || form.dataset.slots === undefined) return;
    const mine = ++turn;
    const found = await slotsOf(form.dataset.slots, target.value);
    const slots = form.elements.namedItem("slot");
    if (mine !== turn || !found || !(slots instanceof HTMLSelectElement)) return;
    const chosen = slots.value;
    slots.replaceChildren(...found.children);
    if ([...slots.options].some((option) => option.value === chosen)) slots.value = chosen;
  });
}

/** @param {string} address of the form @param {string} date @returns {Promise<HTMLSelectElement | null>} null where it cannot be had */
async function slotsOf(address, date) {
  const asked = new URL(address, location.origin);
  asked.searchParams.set("date", date);
  try {
    const answer = await fetch(asked, { headers: { Accept: "text/html", "X-Part": "panel" }, cache: "no-store" });
    const page = new DOMParser().parseFromString(answer.ok ? await answer.text() : "", "text/html");
    const found = page.querySelector("form[data-slots] select[name=slot]");
    return found instanceof HTMLSelectElement ? found : null;
  } catch {
    return null;
  }
}
