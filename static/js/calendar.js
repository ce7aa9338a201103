// The calendar's page: forms that submit themselves, the hand that moves bookings, the eye on what others do, and the keys.

import { enableAutosubmit } from "./autosubmit.js";
import { Hand } from "./hand.js";
import { enableKeyboard } from "./keyboard.js";
import { enableKeys } from "./keys.js";
import { moveTo, sendForm } from "./moving.js";
import { enablePointer } from "./pointer.js";
import { warn } from "./voice.js";
import { watch } from "./watch.js";

enableAutosubmit(document);

const calendar = document.querySelector("[data-calendar]");
const hand = calendar instanceof HTMLElement ? new Hand(calendar, moveTo) : null;
if (hand) {
  enablePointer(hand);
  enableKeyboard(hand);
  watch(hand);
  window.addEventListener("popstate", () => location.reload());
}
enableKeys(() => hand?.isFull ?? false);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches("[data-undo], [data-undo-last], [data-anyway]") || !hand) return;
  event.preventDefault();
  sendForm(form);
});

document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("[data-dismiss]")) warn("");
});
