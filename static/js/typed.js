// What somebody has typed into a form, compared with how the server drew it.

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control */

const NEVER = ["hidden", "password", "submit", "button", "file", "search"];

/** @param {ParentNode} root @returns {Control[]} the fields of the forms inside that are filled in by hand */
export function controlsOf(root) {
  const found = root.querySelectorAll("input, select, textarea");
  return /** @type {Control[]} */ ([...found]).filter((one) => one.name && !NEVER.includes(one.type) && one.form?.method === "post");
}

/** @param {ParentNode} root @returns {boolean} whether anything would be lost with it */
export function isTyped(root) {
  return controlsOf(root).some(isChanged);
}

/** @param {Control} control */
function isChanged(control) {
  if (control instanceof HTMLSelectElement) {
    const options = [...control.options];
    return options.some((one) => one.defaultSelected) && options.some((one) => one.selected !== one.defaultSelected);
  }
  if (control instanceof HTMLInputElement && ["checkbox", "radio"].includes(control.type)) {
    return control.checked !== control.defaultChecked;
  }
  return control.value !== control.defaultValue;
}
