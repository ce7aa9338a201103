// One key for each thing that a page marks with data-key, and a sheet that lists them. Fields, dialogs and screen readers keep theirs.

const OFF = "single-keys-off";

/** @param {() => boolean} busy whether a booking is in the hand, whose keys come first */
export function enableKeys(busy) {
  const sheet = document.querySelector("dialog[data-keys]");
  if (!(sheet instanceof HTMLDialogElement)) return;
  document.addEventListener("keydown", (event) => {
    if (busy() || event.defaultPrevented || isTyping(event)) return;
    if (event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(OFF)) return;
    if (event.key.startsWith("Arrow") && document.activeElement !== document.body && !document.activeElement?.matches("main")) return;
    press(event, document.querySelector(`[data-key~="${CSS.escape(turned(event.key))}"]`));
  });
  document.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("[data-opens-keys]")) sheet.showModal();
  });
  const choice = sheet.querySelector("input[type=checkbox]");
  if (!(choice instanceof HTMLInputElement)) return;
  choice.checked = !localStorage.getItem(OFF);
  choice.addEventListener("change", () => {
    if (choice.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "yes");
  });
}

/** @param {KeyboardEvent} event @returns {boolean} whether the key belongs to a field, or to a dialog that is open */
export function isTyping(event) {
  const { target } = event;
  // A dialog that has just closed may keep the focus until the page is drawn again.
  const field = target instanceof Element && target.closest("input, select, textarea, [contenteditable]");
  return Boolean(field && !field.closest("dialog:not([open])")) || document.querySelector("dialog[open]") !== null;
}

/** @param {string} key @returns {string} where the text runs from right to left, later lies to the left */
function turned(key) {
  if (document.dir !== "rtl") return key;
  return key === "ArrowLeft" ? "ArrowRight" : key === "ArrowRight" ? "ArrowLeft" : key;
}

/** @param {KeyboardEvent} event @param {Element | null} what */
function press(event, what) {
  if (!(what instanceof HTMLElement)) return;
  event.preventDefault();
  if (what.matches("input")) what.focus();
  else what.click();
}
