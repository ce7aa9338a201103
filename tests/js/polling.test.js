// How long a page waits before it asks again whether anything has changed.

import assert from "node:assert/strict";
import { test } from "node:test";

import { nextDelay } from "../../static/js/polling.js";

const SECOND = 1000;

test("pages that were opened together ask at different times", () => assert.ok(nextDelay(0, 0, 0.1) < nextDelay(0, 0, 0.9)));
test("a change is seen within fifteen seconds", () => assert.ok(nextDelay(0, 0, 1) <= 12 * SECOND));
test("one failure is no reason to wait longer", () => assert.equal(nextDelay(1, 0, 0.5), nextDelay(0, 0, 0.5)));
test("each failure after the first doubles the wait", () => {
  assert.deepEqual([2, 3].map((failures) => nextDelay(failures, 0, 0.5)), [20 * SECOND, 40 * SECOND]);
});
test("no wait grows beyond a minute and a fifth", () => {
  assert.deepEqual([4, 5, 2000].map((failures) => nextDelay(failures, 0, 1)), [72, 72, 72].map((each) => each * SECOND));
});
test("nobody asks before the server wants them to", () => assert.equal(nextDelay(0, 50, 0), 50 * SECOND));
test("those whom the server told to wait do not come back together", () => assert.ok(nextDelay(0, 50, 1) > nextDelay(0, 50, 0)));
test("a server that wants them sooner than usual is asked as usual", () => assert.equal(nextDelay(0, 1, 0), 8 * SECOND));
