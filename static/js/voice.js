// The page's two voices: what just happened, and what went wrong. Both are read out as they change.

/** @param {string} html a fragment that the server made */
export function say(html) {
  const region = document.querySelector("[role=status]");
  if (!region) return;
  region.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
}

/** @param {string} text nothing clears it */
export function warn(text) {
  const region = document.querySelector("[role=alert]");
  if (!region) return;
  region.replaceChildren();
  if (!text) return;
  const line = document.createElement("p");
  line.textContent = text;
  region.append(line);
}
