// The calendar's page: forms that submit themselves, and the hand that moves bookings.

import { enableDrag } from "./drag.js";
import { enableAutosubmit } from "./autosubmit.js";
import { moveTo, undo } from "./moving.js";

enableAutosubmit(document);

const calendar = document.querySelector("[data-calendar]");
if (calendar instanceof HTMLElement) enableDrag(calendar, moveTo);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches("[data-undo]") || !calendar) return;
  event.preventDefault();
  undo(form);
});
