// Choosing is enough: a form marked data-autosubmit goes off when one of its fields changes. Without scripts it has a button.

/** @param {Document} root */
export function enableAutosubmit(root) {
  for (const form of root.querySelectorAll("form[data-autosubmit]")) {
    form.addEventListener("change", () => /** @type {HTMLFormElement} */ (form).requestSubmit());
  }
}
