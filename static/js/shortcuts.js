// Keyboard shortcuts: a key presses or focuses the element that lists it in data-key. Ignored in fields and dialogs.

const DISABLED_KEY = "single-keys-off";

/** @param {() => boolean} isDragging while a booking is dragged, the keys move it */
export function enableShortcuts(isDragging) {
  const dialog = document.querySelector("dialog[data-keys]");
  if (!(dialog instanceof HTMLDialogElement)) return;
  document.addEventListener("keydown", (event) => {
    if (isDragging() || event.defaultPrevented || isTyping(event)) return;
    if (event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(DISABLED_KEY)) return;
    if (event.key.startsWith("Arrow") && document.activeElement !== document.body && !document.activeElement?.matches("main")) return;
    press(event, document.querySelector(`[data-key~="${CSS.escape(mirrored(event.key))}"]`));
  });
  document.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("[data-opens-keys]")) dialog.showModal();
  });
  const choice = dialog.querySelector("input[type=checkbox]");
  if (!(choice instanceof HTMLInputElement)) return;
  choice.checked = !localStorage.getItem(DISABLED_KEY);
  choice.addEventListener("change", () => {
    if (choice.checked) localStorage.removeItem(DISABLED_KEY);
    else localStorage.setItem(DISABLED_KEY, "yes");
  });
}

/** @param {KeyboardEvent} event @returns {boolean} whether the key belongs to a field, or to a dialog that is open */
export function isTyping(event) {
  const { target } = event;
  // A dialog that has just closed may keep the focus until the next frame.
  const field = target instanceof Element && target.closest("input, select, textarea, [contenteditable]");
  return Boolean(field && !field.closest("dialog:not([open])")) || document.querySelector("dialog[open]") !== null;
}

/** The key with left and right swapped in right-to-left languages. @param {string} key @returns {string} */
export function mirrored(key) {
  if (document.dir !== "rtl") return key;
  return key === "ArrowLeft" ? "ArrowRight" : key === "ArrowRight" ? "ArrowLeft" : key;
}

/** @param {KeyboardEvent} event @param {Element | null} element */
function press(event, element) {
  if (!(element instanceof HTMLElement)) return;
  event.preventDefault();
  if (element.matches("input, [data-focus]")) element.focus();
  else element.click();
}
