"""The week page in a browser: bytes transferred, layout shift, and the time from a drop to “saved”."""

import statistics
from typing import Any, Final

from playwright.sync_api import Page, sync_playwright

from bench.measurement import Ratio, at_most
from bench.testbed import Testbed
from tests import chromium

FIRST_BYTES: Final = 60_000
NEXT_BYTES: Final = 15_000
SAVED_MS: Final = 100
TIMEOUT_TENTHS: Final = 50
SHIFTS: Final = """() => new Promise(done => {
    let sum = 0;
    new PerformanceObserver(list => { for (const one of list.getEntries()) sum += one.value; })
        .observe({type: "layout-shift", buffered: true});
    setTimeout(() => done(sum), 500);
})"""
WATCH: Final = """() => {
    window.dropped = 0; window.saved = 0;
    addEventListener("pointerup", () => { window.dropped = performance.now(); performance.clearResourceTimings(); }, true);
    const look = () => {
        const told = document.querySelector("[role=status]");
        if (told && told.textContent.trim() && window.dropped && !window.saved) window.saved = performance.now();
    };
    new MutationObserver(look).observe(document.body, {childList: true, subtree: true, characterData: true});
}"""
TOOK: Final = """() => {
    const during = one => one.startTime >= window.dropped && one.startTime < window.saved;
    const net = performance.getEntriesByType("resource").filter(during).reduce((sum, one) => sum + one.duration, 0);
    return window.saved - window.dropped - net;
}"""


def measure_page(testbed: Testbed, drops: int) -> list[Ratio]:
    """First and next visit in bytes, shifts, and drop to saved in milliseconds beyond the network, each against its bound."""
    address = f"{testbed.product.url}/calendar/week/?station=S001&date={testbed.first}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.path(), args=chromium.ARGUMENTS)
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        name, value = testbed.session()
        context.add_cookies([{"name": name, "value": value, "url": testbed.product.url}])
        page = context.new_page()
        first, following = _bytes(page, address), _bytes(page, address)
        shifts = page.evaluate(SHIFTS)
        taken = [_drop(page, address, number) for number in range(drops)]
        browser.close()
    return [
        at_most("week page, first visit with everything", 1, [(first, FIRST_BYTES)], "bytes"),
        at_most("week page, next visit", 1, [(following, NEXT_BYTES)], "bytes"),
        at_most("week page, layout shift", 1, [(shifts + 1e-9, 1e-3)], ""),
        at_most("drop to saved, beyond the network", 1, [(statistics.median(taken), SAVED_MS)], "ms"),
    ]


def _bytes(page: Page, address: str) -> int:
    """All that went over the wire for one visit, headers included."""
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    sizes: list[int] = []
    wire.on("Network.loadingFinished", lambda said: sizes.append(int(said["encodedDataLength"])))
    page.goto(address, wait_until="networkidle")
    wire.detach()
    return sum(sizes)


def _drop(page: Page, address: str, number: int) -> float:
    page.goto(address, wait_until="networkidle")
    page.evaluate(WATCH)
    booking = page.locator(".scroll [data-movable]").nth(number)
    booking.scroll_into_view_if_needed()
    there = page.locator("[data-drop-date][data-drop-slot].is-open").nth(number * 3 + 1)
    begin, end = booking.bounding_box(), there.bounding_box()
    if not begin or not end:
        raise SystemExit("The week page shows nothing to drag.")
    page.mouse.move(begin["x"] + 20, begin["y"] + 8)
    page.mouse.down()
    page.mouse.move(begin["x"] + 40, begin["y"] + 20, steps=3)
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + min(end["height"] - 4, 20), steps=6)
    page.mouse.up()
    for _time in range(TIMEOUT_TENTHS):
        if page.evaluate("window.saved"):
            break
        page.wait_for_timeout(100)
    else:
        raise SystemExit("The booking that was dropped was not saved.")
    took: Any = page.evaluate(TOOK)
    return float(took)
