// The server draws; this only swaps in what it drew, and keeps where the person was.

/** Fetches the page again and replaces the calendar's contents. */
export async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-calendar]");
  const shown = document.querySelector("[data-calendar]");
  if (!fresh || !shown) return;
  const scroll = shown.querySelector(".scroll");
  const [left, top] = [scroll?.scrollLeft ?? 0, scroll?.scrollTop ?? 0];
  const focused = document.activeElement?.closest("[data-booking-id]")?.getAttribute("data-booking-id");
  shown.replaceChildren(...fresh.childNodes);
  shown.querySelector(".scroll")?.scrollTo(left, top);
  if (focused) /** @type {HTMLElement | null} */ (shown.querySelector(`[data-booking-id="${focused}"] a`))?.focus();
}
