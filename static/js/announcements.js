// The page's messages: notices, errors, connection and session problems, and announcements for screen readers.

/** Keyboard focus in the old notice moves to the new one's button. @param {string} html rendered by the server; "" clears it */
export function showNotice(html) {
  const region = document.querySelector("[role=status]");
  const hadFocus = region?.contains(document.activeElement);
  region?.replaceChildren(...parse(html));
  if (hadFocus) region?.querySelector("button")?.focus();
}

/** @param {string} text "" clears it @param {string} [actions] HTML rendered by the server: what the person can do now */
export function showError(text, actions = "") {
  const region = document.querySelector("[role=alert]");
  if (!region) return;
  for (const child of [...region.children]) if (!child.matches("[data-connection], [data-session]")) child.remove();
  if (text) region.append(paragraph(text), ...parse(actions));
}

/** @param {string} text "" once the server can be reached again */
export function showConnectionError(text) {
  const region = document.querySelector("[role=alert]");
  const shown = region?.querySelector("[data-connection]");
  if (!text) shown?.remove();
  if (!text || shown) return;
  const message = paragraph(text);
  message.toggleAttribute("data-connection", true);
  region?.prepend(message);
}

/** @param {string} text "" once somebody is signed in again @param {HTMLElement} [link] to sign in */
export function showSignedOutError(text, link) {
  const region = document.querySelector("[role=alert]");
  region?.querySelector("[data-session]")?.remove();
  if (!text) return;
  const message = paragraph(`${text} `);
  message.toggleAttribute("data-session", true);
  if (link) message.append(link);
  region?.prepend(message);
}

/** @param {string} text for screen readers only */
export function announce(text) {
  const region = document.querySelector("[data-announcements]");
  if (region) region.textContent = text;
}

/** @param {string} html an error page @returns {string} its sentence; "" for any other HTML */
export function errorSentence(html) {
  return new DOMParser().parseFromString(html, "text/html").querySelector("main h1")?.textContent ?? "";
}

/** @param {string} text */
function paragraph(text) {
  return Object.assign(document.createElement("p"), { textContent: text });
}

/** @param {string} html @returns {ChildNode[]} */
function parse(html) {
  return [...new DOMParser().parseFromString(html, "text/html").body.childNodes];
}
