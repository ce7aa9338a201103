// What painting a week opens and closes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { close, formatSlots, open, parseSlots, slotAt, stepOf } from "../../static/js/week_slots.js";

const BRUSH = { minutes: 60, capacity: 2, guests: null };
const NOON = 12 * 60;

/** @param {number} weekday @param {number} start */
const slot = (weekday, start, minutes = 60, capacity = 2) => ({ weekday, start, minutes, capacity, guests: null });

/** @param {{ weekday: number, start: number }[]} slots */
const places = (slots) => slots.map((one) => [one.weekday, one.start / 60]);

test("slots are read and written as the server has them", () => {
  const json = '[[4,"09:05",30,2,null],[6,"18:00",60,5,20]]';
  assert.deepEqual(parseSlots(json)[0], { weekday: 4, start: 545, minutes: 30, capacity: 2, guests: null });
  assert.equal(formatSlots(parseSlots(json)), json);
});
test("an area opens on each of its days", () => {
  const opened = open([], { weekdays: [0, 1], from: NOON, to: NOON + 120 }, BRUSH);
  assert.deepEqual(places(opened), [[0, 12], [0, 13], [1, 12], [1, 13]]);
});
test("what overlaps a slot of another length is not opened", () => {
  const there = [slot(0, NOON + 30, 90)];
  assert.deepEqual(open(there, { weekdays: [0], from: NOON, to: NOON + 120 }, BRUSH), there);
});
test("a slot that is there gets another capacity", () => {
  const [changed] = open([slot(0, NOON)], { weekdays: [0], from: NOON, to: NOON + 60 }, { ...BRUSH, capacity: 9, guests: 30 });
  assert.deepEqual([changed.capacity, changed.guests], [9, 30]);
});
test("painting changes no slots but its own", () => {
  const before = [slot(0, NOON)];
  open(before, { weekdays: [0], from: NOON, to: NOON + 60 }, { ...BRUSH, capacity: 9 });
  assert.equal(before[0].capacity, 2);
});
test("nothing opens after midnight", () => {
  assert.deepEqual(places(open([], { weekdays: [0], from: 23 * 60, to: 26 * 60 }, BRUSH)), [[0, 23]]);
});
test("an area closes what reaches into it", () => {
  const there = [slot(0, NOON), slot(0, NOON + 60), slot(1, NOON)];
  assert.deepEqual(places(close(there, { weekdays: [0], from: NOON + 30, to: NOON + 60 })), [[0, 13], [1, 12]]);
});
test("a slot is found by any of its minutes", () => {
  assert.equal(slotAt([slot(0, NOON)], 0, NOON + 59)?.start, NOON);
  assert.equal(slotAt([slot(0, NOON)], 0, NOON + 60), undefined);
  assert.equal(slotAt([slot(0, NOON)], 1, NOON), undefined);
});
test("a row is an hour where all begins on the hour", () => assert.equal(stepOf([slot(0, NOON)], 120), 60));
test("a row is short enough for all starts and lengths", () => assert.equal(stepOf([slot(0, NOON + 30, 45)], 60), 15));
