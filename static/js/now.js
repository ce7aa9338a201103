// A line for now across today's slots, and what is over greyed, by the slots' own instants: the browser's time zone is nobody's.

const EVERY_MS = 60_000;

/** @param {HTMLElement} calendar */
export function enableNowLine(calendar) {
  const draw = () => drawLine(calendar, Date.now());
  draw();
  calendar.addEventListener("calendar:drawn", draw);
  window.setInterval(draw, EVERY_MS);
}

/** Where the days reach beyond the window, the page begins with today. @param {HTMLElement} calendar */
export function showToday(calendar) {
  const listed = calendar.querySelector(".agenda .today");
  if (listed && listed.getBoundingClientRect().top > innerHeight / 2) return listed.scrollIntoView();
  const [scroll, corner, today] = [".scroll", ".corner", "thead .today"].map((name) => calendar.querySelector(name));
  if (!scroll || !corner || !today) return;
  const [whole, first, wanted] = [scroll, corner, today].map((one) => one.getBoundingClientRect());
  scroll.scrollLeft += document.dir === "rtl" ? wanted.right - (whole.right - first.width) : wanted.left - (whole.left + first.width);
}

/** @param {HTMLElement} calendar @param {number} now milliseconds since 1970 */
function drawLine(calendar, now) {
  for (const old of calendar.querySelectorAll(".now-line")) old.remove();
  for (const cell of calendar.querySelectorAll("[data-starts]")) {
    if (!(cell instanceof HTMLElement)) continue;
    const ends = Date.parse(cell.dataset.ends ?? "");
    const share = shareOf(Date.parse(cell.dataset.starts ?? ""), ends, now);
    cell.classList.toggle("is-now", share !== null);
    cell.classList.toggle("is-past", ends <= now);
    if (share === null) continue;
    const line = Object.assign(document.createElement("div"), { className: "now-line" });
    line.style.insetBlockStart = `${share * 100}%`;
    cell.append(line);
  }
}

/** How much of a slot has passed, from 0 to 1; null before and after it. @param {number} starts @param {number} ends @param {number} now */
export function shareOf(starts, ends, now) {
  return starts <= now && now < ends ? (now - starts) / (ends - starts) : null;
}
