// Finds unsaved input: form fields that differ from what the server rendered.

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control */

const IGNORED_TYPES = ["hidden", "password", "submit", "button", "file", "search"];

/** @param {ParentNode} root @returns {Control[]} fields that a person fills in, in forms that are posted */
export function formControls(root) {
  const found = root.querySelectorAll("input, select, textarea");
  return /** @type {Control[]} */ ([...found]).filter((one) => one.name && !IGNORED_TYPES.includes(one.type) && one.form?.method === "post");
}

/** @param {ParentNode} root */
export function hasUnsavedInput(root) {
  return formControls(root).some(isChanged);
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
