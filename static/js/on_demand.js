// Loads scripts that most visits of the calendar never use: the live list of the search field, and the form of a new booking.

/** @param {Document} root */
export function enableOnDemand(root) {
  const loadForm = () => {
    if (root.querySelector("form[data-slots]")) import("./booking_form.js").then((form) => form.enableBookingForm(root)).catch(() => {});
  };
  root.addEventListener("panel:updated", loadForm);
  loadForm();
  root.addEventListener("focusin", ({ target }) => {
    if (!(target instanceof HTMLInputElement) || !target.matches("form.find [name=q]")) return;
    import("./live_search.js").then((search) => search.enableLiveSearch(target)).catch(() => {});
  });
}
