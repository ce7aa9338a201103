"""Drag, panel, form and keyboard in Firefox and WebKit: the short form of what `tests/browser` asks of Chromium."""

import json
import sys
import time as clock
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date, time
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings
from django.test import Client

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings.models import Booking
from stations.models import Station
from tests.engines import browsers
from tests.engines.browsers import Browser
from tests.factories import FRIDAY, SATURDAY, booking, open_station, person

pytestmark = [
    pytest.mark.long,
    pytest.mark.browser,
    pytest.mark.looks,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(sys.platform != "linux", reason="WebKitGTK is of Linux"),
]

WEEK: Final = "/calendar/week/?station=kitchen&date=2031-03-07"
PATIENCE_SECONDS: Final = 20
KEYS: Final = {
    "Enter": "\ue007",
    "Escape": "\ue00c",
    "ArrowLeft": "\ue012",
    "ArrowUp": "\ue013",
    "ArrowRight": "\ue014",
    "ArrowDown": "\ue015",
}
"""https://www.w3.org/TR/webdriver2/#keyboard-actions"""
DOWN: Final = {"type": "pointerDown", "button": 0}
UP: Final = {"type": "pointerUp", "button": 0}
NORA: Final = Contact("Nora Silva", "nora@example.com", "+49 30 9011030")


class Desk:
    """A member of staff at a page."""

    def __init__(self, browser: Browser, home: str) -> None:
        self.browser = browser
        self.home = home

    def sign_in(self, user: User) -> None:
        session = Client()
        session.force_login(user)
        cookie = session.cookies[settings.SESSION_COOKIE_NAME]
        self.browser.open(f"{self.home}/accounts/login/")
        self.browser.add_cookie(cookie.key, cookie.value)

    def open(self, address: str) -> None:
        self.browser.open(self.home + address)
        self.wait("document.readyState === 'complete'")

    def wait(self, condition: str) -> None:
        """Until a JavaScript expression is true."""
        end = clock.monotonic() + PATIENCE_SECONDS
        while not self.browser.evaluate(f"Boolean({condition})"):
            assert clock.monotonic() < end, f"{condition}: {self.browser.evaluate('document.body.innerText')}"
            clock.sleep(0.05)

    def wait_for_text(self, selector: str, text: str) -> None:
        self.wait(f"(document.querySelector({json.dumps(selector)})?.textContent ?? '').includes({json.dumps(text)})")

    def click(self, selector: str) -> None:
        self._point([*self._move(selector), DOWN, UP])

    def drag(self, source: str, target: str) -> None:
        self._point([*self._move(source), DOWN, *self._move(target, steps=10), {"type": "pause", "duration": 300}, UP])

    def press(self, *keys: str) -> None:
        """Keys by their names, as in `KEYS`, or a character each."""
        pressed = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self.browser.perform([{"type": "key", "id": "keyboard", "actions": pressed}])

    def focus(self, selector: str) -> None:
        self.browser.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")

    def _point(self, actions: list[dict[str, Any]]) -> None:
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions}
        self.browser.perform([mouse])

    def _move(self, selector: str, *, steps: int = 1) -> Iterator[dict[str, Any]]:
        """To the middle of an element, which must be in view, the last pixels one by one."""
        self.wait(f"document.querySelector({json.dumps(selector)})")
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        x, y = self.browser.evaluate(f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({box})")
        for step in range(steps, 0, -1):
            yield {"type": "pointerMove", "x": round(x - step + 1), "y": round(y - step + 1), "duration": 30}


@pytest.fixture
def station(transactional_db: None) -> Station:
    return open_station(code="kitchen", name="Kitchen")


@pytest.fixture(params=[browsers.firefox, browsers.webkit], ids=["firefox", "webkit"])
def desk(request: pytest.FixtureRequest, station: Station, live_server: Any, tmp_path: Path) -> Iterator[Desk]:
    start: Callable[[Path], AbstractContextManager[Browser]] = request.param
    with start(tmp_path) as browser:
        desk = Desk(browser, live_server.url)
        desk.sign_in(person(roles.STAFF, station, email="staff@example.com"))
        yield desk


def place(made: Booking) -> tuple[date, time]:
    made.refresh_from_db()
    return made.date, made.slot


def card(made: Booking) -> str:
    return f'.scroll [data-booking-id="{made.pk}"] .who'


def test_booking_is_dragged_and_the_move_undone(desk: Desk, station: Station) -> None:
    made = booking(station, customer=NORA)
    desk.open(WEEK)

    desk.drag(card(made), f'[data-drop-date="{SATURDAY}"][data-drop-slot="20:00"]')
    desk.wait_for_text("[role=status]", "Nora Silva moved from 18:00, Fri 7 Mar to 20:00, Sat 8 Mar.")
    assert place(made) == (SATURDAY, time(20))

    desk.click("[role=status] button:not(.plain)")
    desk.wait_for_text("[role=status]", "Nora Silva is back at 18:00, Fri 7 Mar.")
    assert place(made) == (FRIDAY, time(18))


def test_booking_is_moved_by_keyboard(desk: Desk, station: Station) -> None:
    made = booking(station, customer=NORA)
    desk.open(WEEK)

    desk.focus(card(made))
    desk.press(" ")
    desk.wait_for_text("[data-announcements]", "Friday 18:00, current slot")
    desk.press("ArrowRight", "ArrowDown")
    desk.wait_for_text("[data-announcements]", "Saturday 19:00")
    desk.press("Enter")

    desk.wait_for_text("[role=status]", "Nora Silva moved from 18:00, Fri 7 Mar to 19:00, Sat 8 Mar.")
    assert place(made) == (SATURDAY, time(19))


def test_panel_opens_a_booking_and_changes_its_status(desk: Desk, station: Station) -> None:
    made = booking(station, customer=NORA)
    desk.open(WEEK)

    desk.click(card(made))
    desk.wait_for_text("[data-panel] h1", "Nora Silva")
    desk.click('[data-panel] button[value="completed"]')
    desk.wait_for_text("[role=status]", "Nora Silva is marked as completed.")
    desk.press("Escape")
    desk.wait("!document.querySelector('[data-panel] h1')")

    made.refresh_from_db()
    assert made.status == "completed"


def test_new_booking_is_made_for_a_caller(desk: Desk, station: Station) -> None:
    booking(station, customer=NORA)
    desk.open("/bookings/new/?station=kitchen&date=2031-03-08")

    desk.click("[name=phone]")
    desk.press(*"1030")
    desk.wait_for_text("[data-found]", "Nora Silva")
    desk.press("ArrowDown", "Enter")
    desk.wait_for_text("[data-known-name]", "Nora Silva")
    desk.click("form .primary")

    desk.wait_for_text(".notice", "Booked: Nora Silva, 2 guests")
    assert Booking.objects.filter(date=SATURDAY, customer__isnull=False).count() == 1
