// What Thunderbird's own parser makes of calendar files: each line that comes in is a JSON list of files, and a list of what they
// hold goes out.
// Every time is told by the file's own VTIMEZONE; the parser knows no zone besides UTC.

import { createInterface } from "node:readline";

import ICAL from "ical.js";

/** @param {ICAL.Component} component @param {string} name */
function text(component, name) {
  return component.getFirstPropertyValue(name) ?? "";
}

/** @param {ICAL.Component} component @param {string} name */
function party(component, name) {
  const property = component.getFirstProperty(name);
  return property && [property.getParameter("cn") ?? "", decodeURIComponent(property.getFirstValue().replace(/^mailto:/, ""))];
}

/** @param {ICAL.Component} component */
function entry(component) {
  const event = new ICAL.Event(component);
  return {
    uid: event.uid,
    sequence: event.sequence,
    starts_at: event.startDate.toJSDate().toISOString(),
    ends_at: event.endDate.toJSDate().toISOString(),
    status: text(component, "status"),
    summary: event.summary,
    description: text(component, "description"),
    location: text(component, "location"),
    organizer: party(component, "organizer"),
    attendee: party(component, "attendee"),
  };
}

/** @param {string} file */
function calendar(file) {
  const whole = new ICAL.Component(ICAL.parse(file));
  return { method: text(whole, "method"), name: text(whole, "x-wr-calname"), entries: whole.getAllSubcomponents("vevent").map(entry) };
}

createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(`${JSON.stringify(JSON.parse(line).map(calendar))}\n`);
});
