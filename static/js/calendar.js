// The calendar's page: the hand that moves bookings, the panel that tells of them, the eye on what others do, and the keys.

import { enableAutosubmit } from "./autosubmit.js";
import { enableDrafts } from "./drafts.js";
import { enableFinder } from "./finder.js";
import { Hand } from "./hand.js";
import { enableKeyboard } from "./keyboard.js";
import { enableKeys } from "./keys.js";
import { moveTo, sendForm } from "./moving.js";
import { enableNowLine, showToday } from "./now.js";
import { Panel } from "./panel.js";
import { enablePointer } from "./pointer.js";
import { enableSlots } from "./slots.js";
import { enableSubmitOnce } from "./submit_once.js";
import { enableUndo } from "./undo.js";
import { say, warn } from "./voice.js";
import { watch } from "./watch.js";

enableSubmitOnce(document);
enableDrafts(document);
enableAutosubmit(document);
enableFinder(document);
enableSlots(document);

const calendar = document.querySelector("[data-calendar]");
const hand = calendar instanceof HTMLElement ? new Hand(calendar, moveTo) : null;
if (hand) {
  enablePointer(hand);
  enableKeyboard(hand);
  watch(hand);
  enableNowLine(hand.calendar);
  showToday(hand.calendar);
  const panel = document.querySelector("[data-panel]");
  if (panel instanceof HTMLElement) new Panel(panel, hand.calendar);
}
enableKeys(() => hand?.isFull ?? false);
enableUndo(() => hand?.isFull ?? false, hand?.calendar);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches("[data-anyway]") || !hand) return;
  event.preventDefault();
  sendForm(form);
});

document.addEventListener("click", (event) => {
  const closed = event.target instanceof Element && event.target.closest("[data-dismiss]");
  if (!closed) return;
  if (closed.closest("[role=status]")) say("");
  else warn("");
  document.getElementById("main")?.focus({ preventScroll: true });
});
