// What the server finds for a text that is typed into a field.

import { errorSentence } from "./announcements.js";
import { send } from "./session.js";

const TOO_MANY_REQUESTS = 429;

/** @param {string} address @param {Record<string, string>} fields @returns {Promise<string>} HTML of a list; "" where the search failed */
export async function fetchHits(address, fields) {
  try {
    const response = await send(address, formData(fields), { Accept: "text/html", "X-Part": "panel" });
    const html = response.ok || response.status === TOO_MANY_REQUESTS ? await response.text() : "";
    const refusal = errorSentence(html); // Rate limits of all requests answer with a whole page.
    return refusal ? Object.assign(document.createElement("p"), { className: "quiet", textContent: refusal }).outerHTML : html;
  } catch {
    return "";
  }
}

/** @param {Record<string, string>} fields */
export function formData(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  return data;
}
