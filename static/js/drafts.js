// Keeps drafts of forms across reloads and the back button: encrypted, in this tab, until it is closed.
// The key comes with each page of the same person and is not stored, so that nobody can read a draft after signing out.

import { showNotice } from "./announcements.js";
import { formControls, hasUnsavedInput } from "./unsaved_input.js";

/** @typedef {import("./unsaved_input.js").Control} Control */
/** @typedef {{version: string, fields: Record<string, string[]>}} Draft */

const DELAY_MS = 300;
const PREFIX = "draft ";

/** @param {Document} root */
export async function enableDrafts(root) {
  const key = await importKey(root.body.dataset.draftKey ?? "");
  if (!key) return warnBeforeLeaving(root);
  const [visit] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
  if (visit?.type === "navigate") deleteDrafts(`${PREFIX}${location.pathname} `);
  const restored = new WeakSet();

  const restore = async () => {
    for (const form of draftForms(root)) {
      if (restored.has(form)) continue;
      restored.add(form);
      const draft = await read(key, draftName(form));
      if (draft && draft.version === versionOf(form) && !hasUnsavedInput(form)) fill(form, draft.fields);
    }
  };

  let timer = 0;
  root.addEventListener("input", ({ target }) => {
    const form = target instanceof Element && target.closest("form");
    if (!(form instanceof HTMLFormElement) || !draftForms(root).includes(form)) return;
    window.clearTimeout(timer);
    timer = window.setTimeout(() => write(key, draftName(form), { version: versionOf(form), fields: formValues(form) }), DELAY_MS);
  });
  root.addEventListener("submit", ({ target }) => {
    window.clearTimeout(timer);
    if (!(target instanceof HTMLFormElement)) return;
    if (/\/(logout|end)\/$/.test(target.action)) deleteDrafts(PREFIX);
    else sessionStorage.removeItem(draftName(target));
  });
  root.addEventListener("panel:updated", restore);
  await restore();
}

/** Without a key there are no drafts: the browser asks before leaving. @param {Document} root */
function warnBeforeLeaving(root) {
  let sent = false;
  root.addEventListener("submit", (event) => { sent = !event.defaultPrevented; });
  window.addEventListener("beforeunload", (event) => {
    if (!sent && root.body.dataset.draftKey !== undefined && hasUnsavedInput(root)) event.preventDefault();
  });
}

/** @param {Document} root @returns {HTMLFormElement[]} forms that change something */
function draftForms(root) {
  return [...root.forms].filter((form) => form.elements.namedItem("form_key") && formControls(form).length > 0);
}

/** @param {HTMLFormElement} form */
function draftName(form) {
  const place = form.closest("[data-panel]") ? "panel" : location.search;
  return `${PREFIX}${location.pathname} ${place} ${new URL(form.getAttribute("action") ?? form.dataset.slots ?? "", location.href).pathname}`;
}

/** A draft is only restored to the version of the booking that it was written for. @param {HTMLFormElement} form */
function versionOf(form) {
  const version = form.elements.namedItem("version");
  return version instanceof HTMLInputElement ? version.value : "";
}

/** @param {HTMLFormElement} form @returns {Record<string, string[]>} */
function formValues(form) {
  /** @type {Record<string, string[]>} */
  const values = {};
  for (const control of formControls(form)) {
    const boxed = control instanceof HTMLInputElement && ["checkbox", "radio"].includes(control.type);
    values[control.name] ??= [];
    if (!boxed || control.checked) values[control.name].push(control.value);
  }
  return values;
}

/** @param {HTMLFormElement} form @param {Record<string, string[]>} values */
function fill(form, values) {
  for (const control of formControls(form)) set(control, values[control.name] ?? []);
  if (!hasUnsavedInput(form)) return;
  for (const control of formControls(form)) {
    if (control instanceof HTMLInputElement && control.type === "date") control.dispatchEvent(new Event("change", { bubbles: true }));
  }
  const { messageRestored = "" } = document.body.dataset;
  showNotice(Object.assign(document.createElement("p"), { textContent: messageRestored }).outerHTML);
}

/** @param {Control} control @param {string[]} values */
function set(control, values) {
  if (control instanceof HTMLInputElement && ["checkbox", "radio"].includes(control.type)) {
    control.checked = values.includes(control.value);
    return;
  }
  const [value = ""] = values;
  // A slot of another date is added until its list of slots has loaded.
  if (control instanceof HTMLSelectElement && ![...control.options].some((one) => one.value === value)) control.add(new Option(value, value));
  control.value = value;
}

/** @param {string} prefix */
function deleteDrafts(prefix) {
  for (const name of Object.keys(sessionStorage)) if (name.startsWith(prefix)) sessionStorage.removeItem(name);
}

/** @param {string} text Base64 @returns {Promise<CryptoKey | null>} null without Web Crypto, as over plain HTTP */
async function importKey(text) {
  if (!text || !window.crypto.subtle) return null;
  return window.crypto.subtle.importKey("raw", decodeBase64(text), "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** @param {CryptoKey} key @param {string} name @param {Draft} draft */
async function write(key, name, draft) {
  const iv = window.crypto.getRandomValues(new Uint8Array(12));
  const plain = new TextEncoder().encode(JSON.stringify(draft));
  const sealed = new Uint8Array(await window.crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, plain));
  sessionStorage.setItem(name, btoa(String.fromCharCode(...iv, ...sealed)));
}

/** @param {CryptoKey} key @param {string} name @returns {Promise<Draft | null>} null if there is none, or it is another person's */
async function read(key, name) {
  const stored = sessionStorage.getItem(name);
  if (!stored) return null;
  const bytes = decodeBase64(stored);
  try {
    const plain = await window.crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes.slice(0, 12) }, key, bytes.slice(12));
    return JSON.parse(new TextDecoder().decode(plain));
  } catch {
    return null;
  }
}

/** @param {string} text */
function decodeBase64(text) {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}
