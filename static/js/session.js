// Requests of the page's scripts: keeps the page when the session has ended, and adopts the CSRF token of a new one.

import { showSignedOutError } from "./announcements.js";

let signedOut = false;

export function isSignedOut() {
  return signedOut;
}

/**
 * Sends a form, or a GET request without `data`. Repeats it if the same person has signed in again in another tab.
 * @param {string} address @param {FormData | undefined} data @param {Record<string, string>} headers
 * @returns {Promise<Response>} with status 401 where nobody is signed in; the page already says so
 */
export async function send(address, data, headers) {
  const post = () => fetch(address, { method: data ? "POST" : "GET", body: data, headers, cache: "no-store" });
  data?.set("csrfmiddlewaretoken", token());
  let response = await post();
  if (data && (await errorCode(response)) === "csrf_failed" && (await fetchToken())) {
    data.set("csrfmiddlewaretoken", token());
    response = await post();
  }
  if (response.status === 401) showSignedOut();
  return response;
}

/** The page stays as it is, with a link to sign in again in another tab. */
export function showSignedOut() {
  if (signedOut) return;
  signedOut = true;
  const { messageSignedOut = "", messageSignIn = "" } = document.body.dataset;
  const link = Object.assign(document.createElement("a"), { href: "/accounts/login/", target: "_blank", textContent: messageSignIn });
  showSignedOutError(messageSignedOut, link);
}

/** Adopts the CSRF token of a page just loaded; reloads if another person is signed in. @param {Document} page */
export function adoptSession(page) {
  const fresh = page.querySelector("template[data-token]");
  if (!(fresh instanceof HTMLElement)) return;
  const { token = "", person } = fresh.dataset;
  if (person !== document.body.dataset.person) {
    delete document.body.dataset.draftKey;
    location.reload();
    return;
  }
  signedOut = false;
  showSignedOutError("");
  for (const field of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) {
    if (field instanceof HTMLInputElement) field.value = token;
  }
}

/** @returns {string} the CSRF token of the page */
function token() {
  const field = document.querySelector("input[name=csrfmiddlewaretoken]");
  return field instanceof HTMLInputElement ? field.value : "";
}

/** @returns {Promise<boolean>} whether the server sent a new token */
async function fetchToken() {
  const response = await fetch(location.href, { headers: { Accept: "text/html", "X-Part": "calendar" }, cache: "no-store" });
  if (response.ok) adoptSession(new DOMParser().parseFromString(await response.text(), "text/html"));
  return response.ok;
}

/** @param {Response} response @returns {Promise<string>} the code of an error; "" for none */
async function errorCode(response) {
  if (!response.headers.get("Content-Type")?.startsWith("application/json")) return "";
  return (await response.clone().json()).code ?? "";
}
