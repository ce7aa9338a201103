// The form of a new booking: known customers, the slots of a date, the size of the party, and what is known of customer and slot.

import { enableCustomerSearch } from "./customer_search.js";
import { enableSlotSelect } from "./slot_select.js";
import { enableBookingCheck } from "./booking_check.js";

let isEnabled = false;

/** @param {Document} root */
export function enableBookingForm(root) {
  enableCustomerSearch(root);
  if (isEnabled) return;
  isEnabled = true;
  enableSlotSelect(root);
  enablePartySize(root);
  enableBookingCheck(root);
}

/** A number typed for a large party takes the place of a chip, and the other way round. @param {Document} root */
function enablePartySize(root) {
  root.addEventListener("input", ({ target }) => {
    const chips = target instanceof HTMLInputElement && target.closest("[data-party]");
    if (!(target instanceof HTMLInputElement) || !chips) return;
    for (const other of chips.querySelectorAll("input")) {
      if (other.type === target.type) continue;
      if (other.type === "radio") other.checked = target.value === other.value;
      else other.value = "";
    }
  });
}
