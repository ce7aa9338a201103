// A form is sent once at a time. The server takes each form once in any case; this shows that it is on its way.

const AGAIN_MS = 10_000;

/** @param {Document} root */
export function enableSubmitOnce(root) {
  window.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent !== undefined) return event.preventDefault();
    // Not at once, for others may hold it back, and a button that is disabled is not sent.
    window.setTimeout(() => { if (!event.defaultPrevented) hold(form); });
    // A file that is downloaded leaves the page as it is.
    window.setTimeout(() => release(form), AGAIN_MS);
  });
  window.addEventListener("pageshow", () => root.querySelectorAll("form[data-sent]").forEach((form) => {
    if (form instanceof HTMLFormElement) release(form);
  }));
}

/** @param {HTMLFormElement} form whose buttons do nothing until it is released; they keep the focus */
export function hold(form) {
  form.dataset.sent = "";
  for (const button of buttonsOf(form)) button.setAttribute("aria-disabled", "true");
}

/** @param {HTMLFormElement} form */
export function release(form) {
  delete form.dataset.sent;
  for (const button of buttonsOf(form)) button.removeAttribute("aria-disabled");
}

/** @param {HTMLFormElement} form */
function buttonsOf(form) {
  return [...form.elements].filter((one) => one instanceof HTMLButtonElement || (one instanceof HTMLInputElement && one.type === "submit"));
}
