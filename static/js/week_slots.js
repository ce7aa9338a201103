// The slots of a painted week, without the page: what painting opens and closes.

/**
 * @typedef {{ weekday: number, start: number, minutes: number, capacity: number, guests: number | null }} Slot `start` is in minutes
 * @typedef {{ weekdays: number[], from: number, to: number }} Area of the week; `to` is where its last minute ends
 * @typedef {{ minutes: number, capacity: number, guests: number | null }} Brush
 */

export const MINUTES_A_DAY = 24 * 60;
const LARGEST_STEP = 60;

/** @param {string} json `[[weekday, "HH:MM", minutes, capacity, guests], …]` @returns {Slot[]} */
export function parseSlots(json) {
  /** @type {[number, string, number, number, number | null][]} */
  const rows = JSON.parse(json || "[]");
  return rows.map(([weekday, start, minutes, capacity, guests]) => {
    const [hour, minute] = start.split(":").map(Number);
    return { weekday, start: hour * 60 + minute, minutes, capacity, guests };
  });
}

/** @param {Slot[]} slots @returns {string} */
export function formatSlots(slots) {
  return JSON.stringify(slots.map((one) => [one.weekday, clock(one.start), one.minutes, one.capacity, one.guests]));
}

/** Minutes in a row of the grid: the most that all starts and ends are multiples of. @param {Slot[]} slots @param {number} minutes */
export function stepOf(slots, minutes) {
  return [minutes, ...slots.flatMap((one) => [one.start, one.minutes])].reduce(divisor, LARGEST_STEP);
}

/** Opens slots of the brush's length in the area. A slot that is there gets its capacity; others are not overlapped.
 * @param {Slot[]} slots @param {Area} area @param {Brush} brush @returns {Slot[]} */
export function open(slots, area, brush) {
  const result = [...slots];
  for (const weekday of area.weekdays) {
    for (let start = area.from; start < area.to && start < MINUTES_A_DAY; start += brush.minutes) {
      const met = result.filter((one) => overlaps(one, weekday, start, start + brush.minutes));
      const [same] = met;
      if (!met.length) result.push({ weekday, start, ...brush });
      else if (met.length === 1 && same.start === start && same.minutes === brush.minutes) result[result.indexOf(same)] = { ...same, ...brush };
    }
  }
  return result;
}

/** Removes the slots that reach into the area. @param {Slot[]} slots @param {Area} area @returns {Slot[]} */
export function close(slots, { weekdays, from, to }) {
  return slots.filter((one) => !weekdays.includes(one.weekday) || !overlaps(one, one.weekday, from, to));
}

/** @param {Slot[]} slots @param {number} weekday @param {number} minute @returns {Slot | undefined} */
export function slotAt(slots, weekday, minute) {
  return slots.find((one) => overlaps(one, weekday, minute, minute + 1));
}

/** @param {Slot} slot @param {number} weekday @param {number} from @param {number} to */
function overlaps(slot, weekday, from, to) {
  return slot.weekday === weekday && slot.start < to && from < slot.start + slot.minutes;
}

/** @param {number} minutes */
function clock(minutes) {
  return [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, "0")).join(":");
}

/** @param {number} one @param {number} other @returns {number} */
function divisor(one, other) {
  return other ? divisor(other, one % other) : one;
}
