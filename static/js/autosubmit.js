// Choosing is enough: a form marked data-autosubmit goes off when one of its fields changes. Without scripts it has a button.

/** @param {Document} root */
export function enableAutosubmit(root) {
  root.addEventListener("change", ({ target }) => {
    const form = target instanceof Element && target.closest("form[data-autosubmit]");
    if (form instanceof HTMLFormElement) form.requestSubmit();
  });
}
