// Prevents double submission: disables the buttons of a form while it is being sent. The server takes each form once in any case.

const TIMEOUT_MS = 10_000;

/** @param {Document} root */
export function enableSubmitOnce(root) {
  window.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent !== undefined) return event.preventDefault();
    // Later: another listener may prevent the submission, and a disabled button is not sent.
    window.setTimeout(() => { if (!event.defaultPrevented) lockForm(form); });
    // A download does not leave the page.
    window.setTimeout(() => unlockForm(form), TIMEOUT_MS);
  });
  window.addEventListener("pageshow", () => root.querySelectorAll("form[data-sent]").forEach((form) => {
    if (form instanceof HTMLFormElement) unlockForm(form);
  }));
}

/** Disables the buttons, which keep the focus. @param {HTMLFormElement} form */
export function lockForm(form) {
  form.dataset.sent = "";
  for (const button of submitButtons(form)) button.setAttribute("aria-disabled", "true");
}

/** @param {HTMLFormElement} form */
export function unlockForm(form) {
  delete form.dataset.sent;
  for (const button of submitButtons(form)) button.removeAttribute("aria-disabled");
}

/** @param {HTMLFormElement} form */
function submitButtons(form) {
  return [...form.elements].filter((one) => one instanceof HTMLButtonElement || (one instanceof HTMLInputElement && one.type === "submit"));
}
