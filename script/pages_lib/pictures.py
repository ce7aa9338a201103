"""Every view at three widths, light and dark, into docs/pictures/: as small as Chromium's own WebP makes them."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright

from pages_lib.site import MANAGER, PASSWORD, site
from tests import chromium
from tests.servers import ROOT

FOLDER: Final = ROOT / "docs/pictures"
HEIGHTS: Final = {1280: 820, 768: 1024, 320: 640}
BY_FINGER: Final = (768, 320)
QUALITY: Final = 70
STATION: Final = "?station=demo-kitchen"


def ahead(page: Page) -> Locator:
    """A booking in the grid that can still be moved."""
    return page.locator(".scroll [data-movable]").nth(4)


def panel(page: Page) -> None:
    who = ahead(page).locator(".who")
    who.evaluate("one => one.scrollIntoView({ block: 'center', inline: 'center' })")
    who.click()
    page.locator("[data-panel] h1").wait_for()


def hand(page: Page) -> None:
    page.wait_for_load_state("load")
    ahead(page).scroll_into_view_if_needed()
    x, y = ahead(page).evaluate("one => { const box = one.getBoundingClientRect(); return [box.x + 30, box.y + 12]; }")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y - 90, steps=5)
    page.locator(".move-option").first.wait_for()


def new(page: Page) -> None:
    page.get_by_role("link", name="New booking", exact=True).click()
    page.locator("[data-panel] h1").wait_for()


def nothing(page: Page) -> None:
    page.wait_for_load_state("load")


SHOWN: Final[dict[str, tuple[str, Callable[[Page], None]]]] = {
    **{kind: (kind, nothing) for kind in ("week", "month", "day", "agenda", "stations")},
    "panel": ("week", panel),
    "hand": ("week", hand),
    "new": ("week", new),
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
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/calendar/**")
    page.close()
    return context


def take(page: Page, path: Path) -> None:
    asked = {"format": "webp", "quality": QUALITY}
    picture = page.context.new_cdp_session(page).send("Page.captureScreenshot", asked)
    path.write_bytes(base64.b64decode(picture["data"]))


with site() as address, sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium.path(), args=[*chromium.ARGUMENTS])
    for old in FOLDER.iterdir():
        old.unlink()
    for width in HEIGHTS:
        for scheme in ("light", "dark"):
            context = signed_in(browser, address, width, scheme)
            for name, (kind, reach) in SHOWN.items():
                page = context.new_page()
                page.goto(f"{address}/calendar/{kind}/{STATION}")
                reach(page)
                take(page, FOLDER / f"{name}-{width}-{scheme}.webp")
                page.close()
            context.close()
    browser.close()
