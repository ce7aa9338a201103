// How fast the grid scrolls under a carried booking, and how much of a slot has passed.

import assert from "node:assert/strict";
import { test } from "node:test";

import { speed } from "../../static/js/autoscroll.js";
import { elapsed } from "../../static/js/now_line.js";

test("nothing scrolls in the middle", () => assert.equal(speed(500, 0, 1000), 0));
test("it scrolls back near the first edge", () => assert.ok(speed(10, 0, 1000) < 0));
test("it scrolls on near the last edge", () => assert.ok(speed(990, 0, 1000) > 0));
test("the nearer the edge, the faster", () => assert.ok(speed(999, 0, 1000) > speed(960, 0, 1000)));
test("beyond the edge it is no faster than at it", () => assert.equal(speed(1400, 0, 1000), speed(1000, 0, 1000)));
test("in a narrow space the middle stays calm", () => assert.equal(speed(60, 0, 120), 0));

test("half of an hour has passed at half past", () => assert.equal(elapsed(0, 3600, 1800), 0.5));
test("a slot begins with nothing passed", () => assert.equal(elapsed(100, 200, 100), 0));
test("a slot that has ended is not now", () => assert.equal(elapsed(100, 200, 200), null));
test("a slot ahead is not now", () => assert.equal(elapsed(100, 200, 99), null));
