// Marks the current time in today's slots and greys past ones. Compares instants: the browser may be in another time zone.

const UPDATE_MS = 60_000;
/** How much is shown of the time before now. */
const PIXELS_ABOVE = 48;

/** @param {HTMLElement} calendar */
export function enableNowLine(calendar) {
  const update = () => updateLine(calendar, Date.now());
  update();
  calendar.addEventListener("calendar:updated", update);
  window.setInterval(update, UPDATE_MS);
}

/** Scrolls to today and to the current time where they are out of view. @param {HTMLElement} calendar */
export function scrollToNow(calendar) {
  const listed = calendar.querySelector(".agenda .today");
  if (listed && listed.getBoundingClientRect().top > innerHeight / 2) return listed.scrollIntoView();
  const [scroll, corner, today] = [".scroll", ".corner", "thead .today"].map((name) => calendar.querySelector(name));
  if (!scroll || !corner || !today) return;
  const [whole, first, wanted] = [scroll, corner, today].map((one) => one.getBoundingClientRect());
  scroll.scrollLeft += document.dir === "rtl" ? wanted.right - (whole.right - first.width) : wanted.left - (whole.left + first.width);
  const slots = [...calendar.querySelectorAll(".slot[data-starts]")];
  const current = slots.find((slot) => !slot.matches(".is-past")) ?? slots.at(-1);
  if (current) scroll.scrollTop += current.getBoundingClientRect().top - first.bottom - PIXELS_ABOVE;
}

/** @param {HTMLElement} calendar @param {number} now milliseconds since 1970 */
function updateLine(calendar, now) {
  for (const old of calendar.querySelectorAll(".now-line")) old.remove();
  for (const cell of calendar.querySelectorAll("[data-starts]")) {
    if (!(cell instanceof HTMLElement)) continue;
    const ends = Date.parse(cell.dataset.ends ?? "");
    const fraction = elapsed(Date.parse(cell.dataset.starts ?? ""), ends, now);
    cell.classList.toggle("is-now", fraction !== null);
    cell.classList.toggle("is-past", ends <= now);
    if (fraction === null) continue;
    const line = Object.assign(document.createElement("div"), { className: "now-line" });
    line.style.insetBlockStart = `${fraction * 100}%`;
    cell.append(line);
  }
}

/** Elapsed fraction of a slot, from 0 to 1; null before and after it. @param {number} starts @param {number} ends @param {number} now */
export function elapsed(starts, ends, now) {
  return starts <= now && now < ends ? (now - starts) / (ends - starts) : null;
}
