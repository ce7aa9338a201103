// The day's list: opens the print dialog with its button, and at once if the address asks for that with #print.

const openDialog = () => window.print();

document.querySelector("[data-print]")?.addEventListener("click", openDialog);
if (location.hash === "#print") {
  // Without it, so that a reload or the way back does not open the dialog again.
  history.replaceState(history.state, "", location.pathname + location.search);
  addEventListener("load", openDialog, { once: true });
}
