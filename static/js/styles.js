// Style sheets of parts that are loaded into a page: each is loaded once, before the part is shown.

/** @param {string} html of a part of a page @returns {Promise<HTMLElement>} its content, without the style sheets */
export async function adoptStyles(html) {
  const part = new DOMParser().parseFromString(html, "text/html");
  const links = [...part.querySelectorAll("link")];
  await Promise.all(links.map(adopt));
  for (const link of links) link.remove();
  return part.body;
}

/** @param {HTMLLinkElement} link */
function adopt(link) {
  const address = link.getAttribute("href");
  if (document.head.querySelector(`link[href="${address}"]`)) return;
  return new Promise((resolve) => {
    const added = Object.assign(document.createElement("link"), { rel: "stylesheet", onload: resolve, onerror: resolve });
    added.setAttribute("href", address ?? "");
    document.head.append(added);
  });
}
