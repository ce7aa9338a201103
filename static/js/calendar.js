// The calendar page and the pages of bookings.

import { showError, showNotice } from "./announcements.js";
import { enableAutosubmit } from "./autosubmit.js";
import { DragController } from "./drag.js";
import { enableDrafts } from "./drafts.js";
import { enableGridFocus } from "./grid_focus.js";
import { enableKeyboardDrag } from "./keyboard_drag.js";
import { moveBooking, submitForm } from "./move.js";
import { enableNowLine, scrollToNow } from "./now_line.js";
import { enableOnDemand } from "./on_demand.js";
import { Panel } from "./panel.js";
import { enablePointerDrag } from "./pointer_drag.js";
import { startPolling } from "./polling.js";
import { enableShortcuts } from "./shortcuts.js";
import { enableSubmitOnce } from "./submit_once.js";
import { enableUndo } from "./undo.js";

enableSubmitOnce(document);
enableDrafts(document);
enableAutosubmit(document);
enableOnDemand(document);

const calendar = document.querySelector("[data-calendar]");
const drag = calendar instanceof HTMLElement ? new DragController(calendar, moveBooking) : null;
if (drag) {
  enablePointerDrag(drag);
  enableKeyboardDrag(drag);
  enableGridFocus(drag.calendar, () => drag.isActive);
  startPolling(drag);
  enableNowLine(drag.calendar);
  scrollToNow(drag.calendar);
  const panel = document.querySelector("[data-panel]");
  if (panel instanceof HTMLElement) new Panel(panel, drag.calendar);
}
enableShortcuts(() => drag?.isActive ?? false);
enableUndo(() => drag?.isActive ?? false, drag?.calendar);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches("[data-move-anyway]") || !drag) return;
  event.preventDefault();
  submitForm(form);
});

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element && event.target.closest("[data-dismiss]");
  if (!button) return;
  if (button.closest("[role=status]")) showNotice("");
  else showError("");
  document.getElementById("main")?.focus({ preventScroll: true });
});
