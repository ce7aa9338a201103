// Where a booking can be put down: dates that are carried over, and the way of the arrow keys.

import assert from "node:assert/strict";
import { test } from "node:test";

import { addToDate, neighbour } from "../../static/js/drop_targets.js";

const CARRIED = [
  ["2031-03-07", "7d", "2031-03-14"],
  ["2031-03-07", "-7d", "2031-02-28"],
  ["2031-03-30", "1d", "2031-03-31"],
  ["2028-02-28", "1d", "2028-02-29"],
  ["2031-12-31", "7d", "2032-01-07"],
  ["2031-03-07", "1m", "2031-04-07"],
  ["2031-01-31", "1m", "2031-02-28"],
  ["2032-01-31", "1m", "2032-02-29"],
  ["2031-03-31", "-1m", "2031-02-28"],
  ["2031-01-15", "-1m", "2030-12-15"],
];

for (const [date, by, wanted] of CARRIED) {
  test(`${date} carried over by ${by} is ${wanted}`, () => assert.equal(addToDate(date, by), wanted));
}

const cell = (date, slot) => ({ dataset: { dropDate: date, ...(slot && { dropSlot: slot }) } });
const week = ["2031-03-06", "2031-03-07", "2031-03-08"].flatMap((date) => ["17:00", "18:00"].map((slot) => cell(date, slot)));
const month = Array.from({ length: 21 }, (_, day) => cell(`2031-03-${String(day + 1).padStart(2, "0")}`));

const WALKS = [
  ["week", week, 2, "right", "2031-03-08 17:00"],
  ["week", week, 2, "left", "2031-03-06 17:00"],
  ["week", week, 2, "down", "2031-03-07 18:00"],
  ["week", week, 3, "up", "2031-03-07 17:00"],
  ["week", week, 3, "down", null],
  ["week", week, 5, "right", null],
  ["month", month, 9, "right", "2031-03-11"],
  ["month", month, 9, "down", "2031-03-17"],
  ["month", month, 9, "up", "2031-03-03"],
  ["month", month, 2, "up", null],
];

for (const [kind, cells, from, direction, wanted] of WALKS) {
  test(`${direction} in a ${kind} leads to ${wanted}`, () => {
    const found = neighbour(cells, cells[from], direction);
    assert.equal(found && [found.dataset.dropDate, found.dataset.dropSlot].filter(Boolean).join(" "), wanted);
  });
}

test("a slot that a day lacks is stepped over to the next day that has it", () => {
  const gap = [cell("2031-03-06", "18:00"), cell("2031-03-07", "17:00"), cell("2031-03-08", "18:00")];
  assert.equal(neighbour(gap, gap[0], "right"), gap[2]);
});
