// The page's voices: what just happened, what went wrong, whether the server can be reached, and each step of a booking in the hand.

/** A focus inside stays inside: on the button that takes the place of the one that was pressed. @param {string} html a fragment that the server made */
export function say(html) {
  const region = document.querySelector("[role=status]");
  const held = region?.contains(document.activeElement);
  region?.replaceChildren(...parsed(html));
  if (held) region?.querySelector("button")?.focus();
}

/** @param {string} text "" clears it @param {string} [ways] HTML that the server made: what the person may do now */
export function warn(text, ways = "") {
  const region = document.querySelector("[role=alert]");
  if (!region) return;
  for (const child of [...region.children]) if (!child.matches("[data-connection], [data-session]")) child.remove();
  if (text) region.append(line(text), ...parsed(ways));
}

/** @param {string} text what is wrong with the connection; "" while all is well */
export function warnOfConnection(text) {
  const region = document.querySelector("[role=alert]");
  const shown = region?.querySelector("[data-connection]");
  if (!text) shown?.remove();
  if (!text || shown) return;
  const told = line(text);
  told.toggleAttribute("data-connection", true);
  region?.prepend(told);
}

/** @param {string} html a whole error page @returns {string} its sentence; "" for anything else */
export function sentenceOf(html) {
  return new DOMParser().parseFromString(html, "text/html").querySelector("main h1")?.textContent ?? "";
}

/** @param {string} text that nobody is signed in any more; "" while somebody is @param {HTMLElement} [way] to sign in again */
export function warnOfSession(text, way) {
  const region = document.querySelector("[role=alert]");
  region?.querySelector("[data-session]")?.remove();
  if (!text) return;
  const told = line(`${text} `);
  told.toggleAttribute("data-session", true);
  if (way) told.append(way);
  region?.prepend(told);
}

/** @param {string} text for the ear only */
export function tell(text) {
  const region = document.querySelector("[data-steps]");
  if (region) region.textContent = text;
}

/** @param {string} text */
function line(text) {
  return Object.assign(document.createElement("p"), { textContent: text });
}

/** @param {string} html @returns {ChildNode[]} */
function parsed(html) {
  return [...new DOMParser().parseFromString(html, "text/html").body.childNodes];
}
