// The browsable API: sends the JSON in a form and shows the response below it.

for (const form of document.querySelectorAll("form[data-send]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(/** @type {HTMLFormElement} */ (form));
  });
}

/** @param {HTMLFormElement} form */
async function send(form) {
  const data = new FormData(form);
  /** @type {Record<string, string>} */
  const headers = {
    Accept: "application/json",
    "Content-Type": "application/json",
    "X-CSRFToken": String(data.get("csrfmiddlewaretoken")),
  };
  const version = data.get("version");
  if (version) headers["If-Match"] = String(version);
  try {
    const response = await fetch(form.action, { method: form.dataset.send, headers, body: String(data.get("body")) });
    if (response.ok) updateVersion(response.headers.get("ETag"));
    show(form, `HTTP ${response.status} ${response.statusText}`, pretty(await response.text()), response);
  } catch {
    show(form, "The server could not be reached. Try again in a moment.", "");
  }
}

/** Puts the new version of the object into every form of the page. @param {string | null} version */
function updateVersion(version) {
  for (const field of document.querySelectorAll("input[name=version]")) {
    if (version && field instanceof HTMLInputElement) field.value = version;
  }
}

/** @param {string} text @returns {string} */
function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

/** @param {HTMLFormElement} form @param {string} status @param {string} body @param {Response} [response] */
function show(form, status, body, response) {
  const region = form.querySelector("[data-answer]");
  if (!region) return;
  const head = document.createElement("p");
  head.append(Object.assign(document.createElement("strong"), { textContent: status }));
  const text = Object.assign(document.createElement("pre"), { textContent: body, tabIndex: 0 });
  region.replaceChildren(head, ...(body ? [text] : []), ...links(response));
  region.scrollIntoView({ block: "nearest" });
}

/** A link to the new object, or to reload this page. @param {Response} [response] @returns {Element[]} */
function links(response) {
  if (!response?.ok) return [];
  const created = response.headers.get("Location");
  const href = created ? new URL(created).pathname : location.href;
  const link = Object.assign(document.createElement("a"), { href, textContent: created ? href : "↻" });
  if (!created) link.setAttribute("aria-label", location.pathname);
  return [link];
}
