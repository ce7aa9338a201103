// Shows what the server knows of a customer in the form of a new booking: another booking at that time, and their last request.

import { send } from "./session.js";

let latest = 0;

/** @param {Document} root */
export function enableBookingCheck(root) {
  root.addEventListener("change", ({ target }) => {
    const form = target instanceof Element && target.closest("form[data-check]");
    const isAsked = target instanceof Element && target.matches("[name=customer], [name=date], [name=slot], [name=slots]");
    if (form instanceof HTMLFormElement && isAsked) check(form);
  });
  root.addEventListener("click", ({ target }) => {
    const button = target instanceof Element && target.closest("[data-request]");
    const form = button instanceof HTMLElement && button.closest("form");
    const field = form instanceof HTMLFormElement && form.elements.namedItem("special_requests");
    if (!(button instanceof HTMLElement) || !(field instanceof HTMLTextAreaElement)) return;
    field.value = [field.value.trim(), button.dataset.request ?? ""].filter(Boolean).join("\n");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    button.hidden = true;
    field.focus();
  });
}

/** @param {HTMLFormElement} form */
async function check(form) {
  const request = ++latest;
  const place = form.querySelector("[data-checked]");
  const fields = new FormData(form);
  const query = new URLSearchParams();
  for (const name of ["station", "customer", "date", "slot", "slots"]) query.set(name, String(fields.get(name) ?? ""));
  if (!query.get("customer")) return place?.replaceChildren();
  try {
    const response = await send(`${form.dataset.check}?${query}`, undefined, { Accept: "text/html", "X-Part": "panel" });
    const html = response.ok ? await response.text() : "";
    if (request === latest) place?.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  } catch {
    if (request === latest) place?.replaceChildren();
  }
}
