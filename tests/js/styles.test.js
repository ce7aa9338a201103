// The style sheets: valid, and the same from right to left as from left to right.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { validate } from "csstree-validator";

const FOLDER = new URL("../../static/css/", import.meta.url);
const SHEETS = readdirSync(FOLDER).filter((name) => name.endsWith(".css"));
const KNOWN = ["Unknown at-rule descriptor `margin`", "Unknown at-rule `@bottom-right`"]; // of @page, which the validator's own lists lack
const PHYSICAL = /(?:^|[;{\s])((?:margin|padding|border)-(?:left|right)|left|right)\s*:|(?:text-align|float|clear)\s*:\s*(?:left|right)/;

/** @param {string} name */
function sheet(name) {
  return readFileSync(new URL(name, FOLDER), "utf8");
}

for (const name of SHEETS) {
  test(`${name} is valid CSS`, () => {
    const faults = validate(sheet(name), name).map((fault) => fault.message).filter((text) => !KNOWN.includes(text));
    assert.deepEqual(faults, []);
  });

  test(`${name} knows no left and no right`, () => {
    const lines = sheet(name).split("\n").filter((line) => PHYSICAL.test(line));
    assert.deepEqual(lines, []);
  });
}

test("a fault would be found", () => {
  assert.equal(validate("a { color: nonsense(1); colour: red }").length, 2);
  assert.ok(PHYSICAL.test("a { margin-left: 1px }") && PHYSICAL.test("  right: 0;") && PHYSICAL.test("{ text-align: left }"));
  assert.ok(!PHYSICAL.test("a { margin-inline-start: 1px; --left: 0 }"));
});
