// Submits a form marked data-autosubmit as soon as one of its fields changes. Without scripts it has a button.

/** @param {Document} root */
export function enableAutosubmit(root) {
  root.addEventListener("change", ({ target }) => {
    const form = target instanceof Element && target.closest("form[data-autosubmit]");
    if (form instanceof HTMLFormElement) form.requestSubmit();
  });
}
