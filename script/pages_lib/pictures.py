"""Draws the pictures that README and docs/ show, from the demo, into docs/pictures/ as WebP."""

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright

from pages_lib.site import MANAGER, PASSWORD, site
from tests import chromium
from tests.servers import ROOT

FOLDER: Final = ROOT / "docs/pictures"
NAME: Final = re.compile(r"pictures/(\w+)-(1280|768|320)-(light|dark)\.webp")
HEIGHTS: Final = {1280: 820, 768: 1024, 320: 640}
BY_FINGER: Final = (768, 320)
QUALITY: Final = 70
STATION: Final = "?station=demo-kitchen"


def movable_booking(page: Page) -> Locator:
    return page.locator(".scroll [data-movable]").nth(4)


def open_panel(page: Page) -> None:
    who = movable_booking(page).locator(".who")
    who.evaluate("one => one.scrollIntoView({ block: 'center', inline: 'center' })")
    who.click()
    page.locator("[data-panel] h1").wait_for()


def start_drag(page: Page) -> None:
    page.wait_for_load_state("load")
    movable_booking(page).scroll_into_view_if_needed()
    x, y = movable_booking(page).evaluate(
        "one => { const box = one.getBoundingClientRect(); return [box.x + 30, box.y + 12]; }"
    )
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y - 90, steps=5)
    page.locator(".move-option").first.wait_for()


def open_new_booking(page: Page) -> None:
    page.get_by_role("link", name="New booking", exact=True).click()
    page.locator("[data-panel] h1").wait_for()


def wait(page: Page) -> None:
    page.wait_for_load_state("load")


STATES: Final[dict[str, tuple[str, Callable[[Page], None]]]] = {
    **{kind: (kind, wait) for kind in ("week", "month", "day", "agenda", "stations", "door")},
    "panel": ("week", open_panel),
    "drag": ("week", start_drag),
    "new": ("week", open_new_booking),
}


def signed_in(browser: Browser, address: str, width: int, scheme: str) -> BrowserContext:
    """The manager of all four demo stations, at a window or a phone of that width."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHTS[width]},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en",
        has_touch=width in BY_FINGER,
        is_mobile=width in BY_FINGER,
    )
    page = context.new_page()
    page.goto(f"{address}/accounts/login/")
    page.get_by_label("Email").fill(MANAGER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/calendar/**")
    page.close()
    return context


def save_screenshot(page: Page, path: Path) -> None:
    options = {"format": "webp", "quality": QUALITY}
    picture = page.context.new_cdp_session(page).send("Page.captureScreenshot", options)
    path.write_bytes(base64.b64decode(picture["data"]))


def shown_in_documents() -> set[tuple[str, str, str]]:
    """Return name, width and colour scheme of each picture that a document shows."""
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    return {found for path in documents for found in NAME.findall(path.read_text())}


def draw() -> None:
    for old in FOLDER.iterdir():
        old.unlink()
    with site() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.path(), args=[*chromium.ARGUMENTS])
        for name, width, scheme in sorted(shown_in_documents()):
            view, prepare = STATES[name]
            context = signed_in(browser, address, int(width), scheme)
            page = context.new_page()
            page.goto(f"{address}/calendar/{view}/{STATION}")
            prepare(page)
            save_screenshot(page, FOLDER / f"{name}-{width}-{scheme}.webp")
            context.close()
        browser.close()


if __name__ == "__main__":
    draw()
