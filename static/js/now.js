// A line for now across today's slots, by the slots' own instants: the browser's time zone is nobody's.

const EVERY_MS = 60_000;

/** @param {HTMLElement} calendar */
export function enableNowLine(calendar) {
  const draw = () => drawLine(calendar, Date.now());
  draw();
  calendar.addEventListener("calendar:drawn", draw);
  window.setInterval(draw, EVERY_MS);
}

/** @param {HTMLElement} calendar @param {number} now milliseconds since 1970 */
function drawLine(calendar, now) {
  for (const old of calendar.querySelectorAll(".now-line")) old.remove();
  for (const cell of calendar.querySelectorAll("[data-starts]")) {
    if (!(cell instanceof HTMLElement)) continue;
    const share = shareOf(Date.parse(cell.dataset.starts ?? ""), Date.parse(cell.dataset.ends ?? ""), now);
    cell.classList.toggle("is-now", share !== null);
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
