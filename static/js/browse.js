// The browsable API: sends the JSON that a person typed, and shows the answer as it came, below the form.

for (const form of document.querySelectorAll("form[data-send]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(/** @type {HTMLFormElement} */ (form));
  });
}

/** @param {HTMLFormElement} form */
async function send(form) {
  const words = new FormData(form);
  /** @type {Record<string, string>} */
  const headers = {
    Accept: "application/json",
    "Content-Type": "application/json",
    "X-CSRFToken": String(words.get("csrfmiddlewaretoken")),
  };
  const version = words.get("version");
  if (version) headers["If-Match"] = String(version);
  try {
    const answer = await fetch(form.action, { method: form.dataset.send, headers, body: String(words.get("body")) });
    if (answer.ok) knowVersion(answer.headers.get("ETag"));
    show(form, `HTTP ${answer.status} ${answer.statusText}`, pretty(await answer.text()), answer);
  } catch {
    show(form, "The server cannot be reached. Try again in a moment.", "");
  }
}

/** What was changed has a new version: every form of the page goes on from there. @param {string | null} version */
function knowVersion(version) {
  for (const field of document.querySelectorAll("input[name=version]")) {
    if (version && field instanceof HTMLInputElement) field.value = version;
  }
}

/** @param {string} text @returns {string} */
function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

/** @param {HTMLFormElement} form @param {string} status @param {string} body @param {Response} [answer] */
function show(form, status, body, answer) {
  const region = form.querySelector("[data-answer]");
  if (!region) return;
  const head = document.createElement("p");
  head.append(Object.assign(document.createElement("strong"), { textContent: status }));
  const text = Object.assign(document.createElement("pre"), { textContent: body, tabIndex: 0 });
  region.replaceChildren(head, ...(body ? [text] : []), ...links(answer));
  region.scrollIntoView({ block: "nearest" });
}

/** Where to look next: what was made, or this page as it is now. @param {Response} [answer] @returns {Element[]} */
function links(answer) {
  if (!answer?.ok) return [];
  const made = answer.headers.get("Location");
  const href = made ? new URL(made).pathname : location.href;
  const link = Object.assign(document.createElement("a"), { href, textContent: made ? href : "↻" });
  if (!made) link.setAttribute("aria-label", location.pathname);
  return [link];
}
