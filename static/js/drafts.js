// What is typed into a form outlives a reload and the back button: encrypted, in this tab alone, for as long as the tab is open.
// The key comes with each page of the same person and is kept nowhere, so that after signing out nobody can read a draft.

import { say } from "./voice.js";
import { controlsOf, isTyped } from "./typed.js";

/** @typedef {import("./typed.js").Control} Control */
/** @typedef {{version: string, fields: Record<string, string[]>}} Draft */

const PAUSE_MS = 300;
const PREFIX = "draft ";

/** @param {Document} root */
export async function enableDrafts(root) {
  const key = await keyOf(root.body.dataset.draftKey ?? "");
  if (!key) return warnBeforeLeaving(root);
  const [visit] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
  if (visit?.type === "navigate") forget(`${PREFIX}${location.pathname} `);
  const known = new WeakSet();

  const restore = async () => {
    for (const form of formsOf(root)) {
      if (known.has(form)) continue;
      known.add(form);
      const draft = await read(key, nameOf(form));
      if (draft && draft.version === versionOf(form) && !isTyped(form)) fill(form, draft.fields);
    }
  };

  let timer = 0;
  root.addEventListener("input", ({ target }) => {
    const form = target instanceof Element && target.closest("form");
    if (!(form instanceof HTMLFormElement) || !formsOf(root).includes(form)) return;
    window.clearTimeout(timer);
    timer = window.setTimeout(() => write(key, nameOf(form), { version: versionOf(form), fields: valuesOf(form) }), PAUSE_MS);
  });
  root.addEventListener("submit", ({ target }) => {
    window.clearTimeout(timer);
    if (!(target instanceof HTMLFormElement)) return;
    if (/\/(logout|end)\/$/.test(target.action)) forget(PREFIX);
    else sessionStorage.removeItem(nameOf(target));
  });
  root.addEventListener("panel:drawn", restore);
  await restore();
}

/** Without a key nothing is kept: the browser asks instead. @param {Document} root */
function warnBeforeLeaving(root) {
  let sent = false;
  root.addEventListener("submit", (event) => { sent = !event.defaultPrevented; });
  window.addEventListener("beforeunload", (event) => {
    if (!sent && root.body.dataset.draftKey !== undefined && isTyped(root)) event.preventDefault();
  });
}

/** @param {Document} root @returns {HTMLFormElement[]} those that make or change something */
function formsOf(root) {
  return [...root.forms].filter((form) => form.elements.namedItem("form_key") && controlsOf(form).length > 0);
}

/** @param {HTMLFormElement} form */
function nameOf(form) {
  const place = form.closest("[data-panel]") ? "panel" : location.search;
  return `${PREFIX}${location.pathname} ${place} ${new URL(form.getAttribute("action") ?? form.dataset.slots ?? "", location.href).pathname}`;
}

/** A draft of a booking that was changed meanwhile is not for the booking as it is now. @param {HTMLFormElement} form */
function versionOf(form) {
  const version = form.elements.namedItem("version");
  return version instanceof HTMLInputElement ? version.value : "";
}

/** @param {HTMLFormElement} form @returns {Record<string, string[]>} */
function valuesOf(form) {
  /** @type {Record<string, string[]>} */
  const values = {};
  for (const control of controlsOf(form)) {
    const boxed = control instanceof HTMLInputElement && ["checkbox", "radio"].includes(control.type);
    values[control.name] ??= [];
    if (!boxed || control.checked) values[control.name].push(control.value);
  }
  return values;
}

/** @param {HTMLFormElement} form @param {Record<string, string[]>} values */
function fill(form, values) {
  for (const control of controlsOf(form)) set(control, values[control.name] ?? []);
  if (!isTyped(form)) return;
  for (const control of controlsOf(form)) {
    if (control instanceof HTMLInputElement && control.type === "date") control.dispatchEvent(new Event("change", { bubbles: true }));
  }
  const { wordRestored = "" } = document.body.dataset;
  say(Object.assign(document.createElement("p"), { textContent: wordRestored }).outerHTML);
}

/** @param {Control} control @param {string[]} values */
function set(control, values) {
  if (control instanceof HTMLInputElement && ["checkbox", "radio"].includes(control.type)) {
    control.checked = values.includes(control.value);
    return;
  }
  const [value = ""] = values;
  // A slot of another day than the page's: the list of its day takes its place as soon as the server has sent it.
  if (control instanceof HTMLSelectElement && ![...control.options].some((one) => one.value === value)) control.add(new Option(value, value));
  control.value = value;
}

/** @param {string} start of the names of drafts */
function forget(start) {
  for (const name of Object.keys(sessionStorage)) if (name.startsWith(start)) sessionStorage.removeItem(name);
}

/** @param {string} text in Base64 @returns {Promise<CryptoKey | null>} null where the browser has no cryptography: over plain HTTP */
async function keyOf(text) {
  if (!text || !window.crypto.subtle) return null;
  return window.crypto.subtle.importKey("raw", bytesOf(text), "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** @param {CryptoKey} key @param {string} name @param {Draft} draft */
async function write(key, name, draft) {
  const iv = window.crypto.getRandomValues(new Uint8Array(12));
  const plain = new TextEncoder().encode(JSON.stringify(draft));
  const sealed = new Uint8Array(await window.crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, plain));
  sessionStorage.setItem(name, btoa(String.fromCharCode(...iv, ...sealed)));
}

/** @param {CryptoKey} key @param {string} name @returns {Promise<Draft | null>} null for none, or somebody else's */
async function read(key, name) {
  const kept = sessionStorage.getItem(name);
  if (!kept) return null;
  const bytes = bytesOf(kept);
  try {
    const plain = await window.crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes.slice(0, 12) }, key, bytes.slice(12));
    return JSON.parse(new TextDecoder().decode(plain));
  } catch {
    return null;
  }
}

/** @param {string} text */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}
