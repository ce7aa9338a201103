// The person's session: asks them to sign in again beside what they have typed, and goes on with the token of the new session.

import { warnOfSession } from "./voice.js";

let over = false;

/** @returns {boolean} whether the server has said that nobody is signed in any more */
export function isOver() {
  return over;
}

/**
 * Fetches for one of the page's own forms. Where another tab has signed the same person in again, it is sent once more.
 * @param {string} address @param {FormData | undefined} words @param {Record<string, string>} headers
 * @returns {Promise<Response>} its status is 401 where nobody is signed in, and the page says so already
 */
export async function send(address, words, headers) {
  const post = () => fetch(address, { method: words ? "POST" : "GET", body: words, headers, cache: "no-store" });
  words?.set("csrfmiddlewaretoken", token());
  let answer = await post();
  if (words && (await codeOf(answer)) === "csrf_failed" && (await fetchToken())) {
    words.set("csrfmiddlewaretoken", token());
    answer = await post();
  }
  if (answer.status === 401) end();
  return answer;
}

/** Nobody is signed in any more: what is on the page stays, with a link to sign in from in another tab. */
export function end() {
  if (over) return;
  over = true;
  const { wordSignedOut = "", wordSignIn = "" } = document.body.dataset;
  const link = Object.assign(document.createElement("a"), { href: "/accounts/login/", target: "_blank", textContent: wordSignIn });
  warnOfSession(wordSignedOut, link);
}

/** Takes on the token of a page that the server has just drawn; for somebody else than before, the page begins again. @param {Document} page */
export function renew(page) {
  const fresh = page.querySelector("template[data-token]");
  if (!(fresh instanceof HTMLElement)) return;
  const { token = "", person } = fresh.dataset;
  if (person !== document.body.dataset.person) {
    delete document.body.dataset.draftKey;
    location.reload();
    return;
  }
  over = false;
  warnOfSession("");
  for (const field of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) {
    if (field instanceof HTMLInputElement) field.value = token;
  }
}

/** @returns {string} the token that every form of the page carries */
export function token() {
  const field = document.querySelector("input[name=csrfmiddlewaretoken]");
  return field instanceof HTMLInputElement ? field.value : "";
}

/** @returns {Promise<boolean>} whether the server has given a new token */
async function fetchToken() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-Part": "calendar" }, cache: "no-store" });
  if (answer.ok) renew(new DOMParser().parseFromString(await answer.text(), "text/html"));
  return answer.ok;
}

/** @param {Response} answer @returns {Promise<string>} the code of a refusal; "" for none */
async function codeOf(answer) {
  if (!answer.headers.get("Content-Type")?.startsWith("application/json")) return "";
  return (await answer.clone().json()).code ?? "";
}
