// The browsable API: sends the JSON that a person typed, and shows the answer as it came.

for (const form of document.querySelectorAll("form[data-send]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(/** @type {HTMLFormElement} */ (form));
  });
}

/** @param {HTMLFormElement} form */
async function send(form) {
  const words = new FormData(form);
  const answer = await fetch(location.href, {
    method: form.dataset.send,
    headers: {
      Accept: "application/json",
      "Content-Type": "application/json",
      "X-CSRFToken": String(words.get("csrfmiddlewaretoken")),
    },
    body: String(words.get("body")),
  });
  const text = await answer.text();
  show(`HTTP ${answer.status} ${answer.statusText}`, pretty(text));
}

/** @param {string} text @returns {string} */
function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

/** @param {string} status @param {string} body */
function show(status, body) {
  const region = document.querySelector("[data-answer]");
  if (!(region instanceof HTMLElement)) return;
  region.hidden = false;
  const [head, content] = [region.querySelector("[data-status]"), region.querySelector("[data-body]")];
  if (head) head.textContent = status;
  if (content) content.textContent = body;
  region.scrollIntoView({ block: "nearest" });
}
