"""Mouse and finger: how a booking is lifted, carried, let go of, and what is no drag at all."""

import re
import time as clock
from datetime import date, time
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from stations.models import Station
from tests.browser.conftest import Visit
from tests.browser.test_calendar import MONTH, WEEK, card, cell, drag, place
from tests.factories import FRIDAY, SATURDAY, booking, open_station

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

STEPS = "[data-announcements]"
POSITIONS = """() => {
    const grid = document.querySelector(".scroll");
    return [grid.scrollLeft, grid.scrollTop, scrollX, scrollY];
}"""


class Finger:
    """A finger on the page, as the browser's own protocol moves it."""

    def __init__(self, page: Page) -> None:
        self._wire = page.context.new_cdp_session(page)
        self._page = page

    def down(self, x: float, y: float) -> None:
        self._send("touchStart", [{"x": x, "y": y}])

    def move(self, x: float, y: float) -> None:
        self._send("touchMove", [{"x": x, "y": y}])

    def up(self) -> None:
        self._send("touchEnd", [])

    def _send(self, kind: str, points: list[Any]) -> None:
        self._wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def middle(page: Page, what: Any) -> tuple[float, float]:
    box = what.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.fixture
def long_day(station: Station) -> Station:
    """Open from 6 to 24 h: more than a window shows."""
    return open_station(code="court", hours=range(6, 24))


@pytest.mark.parametrize("kind", ["week", "day", "month", "agenda"])
def test_mouse_drags_in_every_view_at_every_width(visit: Visit, station: Station, staff: User, kind: str) -> None:
    made = booking(station)
    page = visit(staff, WEEK.replace("week", kind))

    for width, there in zip(widths(kind), three_places(page, kind), strict=False):
        page.set_viewport_size({"width": width, "height": 900})
        drag(page, card(page, made), there)
        expect(there.locator("[data-booking-id]")).to_be_visible()


def widths(kind: str) -> list[int]:
    """A month on a phone shows numbers, and no bookings."""
    return [1280, 768] if kind == "month" else [1280, 768, 320]


def three_places(page: Page, kind: str) -> list[Locator]:
    if kind in ("week", "day"):
        return [cell(page, FRIDAY, slot) for slot in ("20:00", "19:00", "21:00")]
    return [cell(page, day) for day in (SATURDAY, FRIDAY, SATURDAY)]


@pytest.mark.parametrize("kind", ["week", "day", "month", "agenda"])
def test_finger_that_holds_lifts_and_drops_in_every_view_at_every_width(
    visit: Visit, station: Station, staff: User, kind: str
) -> None:
    made = booking(station)
    page = visit(staff, WEEK.replace("week", kind), touch=True)
    finger = Finger(page)

    for width, there in zip(widths(kind), three_places(page, kind), strict=False):
        page.set_viewport_size({"width": width, "height": 900})
        lift(page, finger, card(page, made))
        finger.move(*middle(page, there))
        expect(there).to_have_class(re.compile(r"\bover\b"))
        finger.up()
        expect(there.locator("[data-booking-id]")).to_be_visible()
        expect(page.locator(".drag-ghost")).to_have_count(0)


def lift(page: Page, finger: Finger, what: Locator) -> None:
    what.scroll_into_view_if_needed()
    x, y = middle(page, what)
    finger.down(x, y)
    expect(page.locator(".drag-ghost")).to_be_visible()
    finger.move(x + 4, y + 4)


@pytest.mark.parametrize(
    ("width", "height", "across", "down"),
    [(320, 900, 12, 0), (320, 500, 0, 12), (768, 500, 0, 12), (1280, 700, 0, -12)],
)
def test_finger_that_swipes_over_a_booking_scrolls_and_moves_nothing(
    visit: Visit, long_day: Station, staff: User, width: int, height: int, across: int, down: int
) -> None:
    staff.stations.add(long_day)
    made = booking(long_day)
    page = visit(staff, WEEK.replace("kitchen", "court"), width=width, touch=True)
    page.set_viewport_size({"width": width, "height": height})
    card(page, made).scroll_into_view_if_needed()
    before = page.evaluate(POSITIONS)
    finger, (x, y) = Finger(page), middle(page, card(page, made))

    finger.down(x, y)
    for step in range(1, 9):
        finger.move(x + across * step, y + down * step)
    finger.up()

    page.wait_for_function(f"before => String(({POSITIONS})()) !== String(before)", arg=before)
    expect(page.locator(".drag-ghost")).to_have_count(0)
    expect(page).to_have_url(re.compile("date=2031-03-07$"))
    assert place(made) == (FRIDAY, time(18))


def test_tap_opens_the_booking(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK, width=320, touch=True)

    card(page, made).locator(".who").tap()

    expect(page.get_by_role("complementary", name="Booking").get_by_role("heading", level=1)).to_be_focused()
    assert place(made) == (FRIDAY, time(18))


def test_second_finger_puts_the_booking_back(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK, touch=True)
    finger, (x, y) = Finger(page), middle(page, card(page, made))

    finger.down(x, y)
    page.locator(".drag-ghost").wait_for()
    finger._send("touchStart", [{"x": x, "y": y, "id": 0}, {"x": x + 90, "y": y + 60, "id": 1}])
    expect(page.locator(".drag-ghost")).to_have_count(0)
    finger.up()

    assert place(made) == (FRIDAY, time(18))


def test_finger_carries_a_booking_to_the_next_week(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK, width=320, touch=True)
    page.set_viewport_size({"width": 320, "height": 500})
    finger, link = Finger(page), page.get_by_role("link", name="Next", exact=True)
    lift(page, finger, card(page, made))

    finger.move(160, 4)
    page.wait_for_function("() => scrollY === 0")
    finger.move(*middle(page, link))
    expect(link).to_have_class(re.compile(r"\bover\b"))
    finger.up()

    expect(page).to_have_url(re.compile("date=2031-03-09"))
    assert place(made) == (date(2031, 3, 14), time(18))


@pytest.mark.parametrize(
    ("name", "when", "address"), [("Next", date(2031, 3, 14), "03-09"), ("Previous", date(2031, 2, 28), "02-23")]
)
def test_drop_on_next_or_previous_week_carries_the_booking_over(
    visit: Visit, station: Station, staff: User, name: str, when: date, address: str
) -> None:
    made = booking(station)
    page = visit(staff, WEEK)

    drag(page, card(page, made), page.get_by_role("link", name=name, exact=True))

    expect(page).to_have_url(re.compile(address))
    expect(cell(page, when, "18:00").locator("[data-booking-id]")).to_be_visible()
    assert place(made) == (when, time(18))
    page.go_back()
    expect(page).to_have_url(re.compile("date=2031-03-07"))


def test_drop_on_next_month_keeps_the_day_of_the_month(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, date(2031, 3, 31))
    page = visit(staff, MONTH)

    drag(page, card(page, made), page.get_by_role("link", name="Next", exact=True))

    expect(cell(page, date(2031, 4, 30)).locator("[data-booking-id]")).to_be_visible()
    assert place(made) == (date(2031, 4, 30), time(18))


def test_slip_is_a_click_and_no_move(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    x, y = middle(page, card(page, made).locator(".who"))

    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 3, y + 2)
    page.mouse.up()

    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page).to_have_url(re.compile(str(made.pk)))
    assert place(made) == (FRIDAY, time(18))


@pytest.mark.parametrize(("seconds", "where", "opened"), [(0.1, FRIDAY, 1), (1.0, SATURDAY, 0)])
def test_short_slip_over_the_edge_of_a_cell_is_a_click(
    visit: Visit, station: Station, staff: User, seconds: float, where: date, opened: int
) -> None:
    """By the clock of the events themselves, which are told here when they happened."""
    made = booking(station)
    page = visit(staff, WEEK)
    box = card(page, made).bounding_box()
    assert box
    x, y, began = box["x"] + box["width"] - 2, box["y"] + box["height"] / 2, clock.time()
    wire = page.context.new_cdp_session(page)

    for kind, way, after in (
        ("Pressed", 0, 0.0),
        ("Moved", 7, seconds / 2),
        ("Moved", 10, seconds),
        ("Released", 10, seconds),
    ):
        told = {"type": f"mouse{kind}", "x": x + way, "y": y, "timestamp": began + after}
        wire.send("Input.dispatchMouseEvent", {**told, "button": "left", "buttons": 1, "clickCount": 1})

    expect(page.locator(".drag-ghost, .is-dragged, .busy")).to_have_count(0)
    expect(cell(page, where, "18:00").locator("[data-booking-id]")).to_be_visible()
    expect(page.locator("[data-panel] h1")).to_have_count(opened)
    assert place(made) == (where, time(18))


@pytest.mark.parametrize("event", ["blur", "pointercancel"])
def test_drag_that_is_cut_off_ends_harmless(visit: Visit, station: Station, staff: User, event: str) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    drag(page, card(page, made), cell(page, SATURDAY, "18:00"), drop=False)

    page.evaluate(
        "name => window.dispatchEvent(name === 'blur' ? new Event(name) : new PointerEvent(name, {pointerId: 1}))",
        event,
    )

    expect(page.locator(".drag-ghost, .is-dragged, .over")).to_have_count(0)
    page.mouse.up()
    assert place(made) == (FRIDAY, time(18))


def test_drag_let_go_outside_the_window_changes_nothing(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    drag(page, card(page, made), cell(page, SATURDAY, "18:00"), drop=False)

    page.mouse.move(-20, 200)
    page.mouse.up()

    expect(page.locator(".drag-ghost")).to_have_count(0)
    assert place(made) == (FRIDAY, time(18))


@pytest.mark.parametrize(
    ("width", "height", "x", "y"), [(320, 900, 306, None), (768, 500, None, 494), (1280, 700, None, 690)]
)
def test_grid_scrolls_on_under_a_booking_near_an_edge(
    visit: Visit, long_day: Station, staff: User, width: int, height: int, x: int | None, y: int | None
) -> None:
    """Across in the grid; down with the page or, where there is room for one, in the grid itself."""
    staff.stations.add(long_day)
    made = booking(long_day, date(2031, 3, 2), slot=time(6))
    page = visit(staff, WEEK.replace("kitchen", "court"), width=width)
    page.set_viewport_size({"width": width, "height": height})
    start = middle(page, card(page, made))
    before = sum(page.evaluate(POSITIONS))

    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + 20, start[1], steps=3)
    page.mouse.move(x or start[0], y or start[1], steps=3)
    page.wait_for_function(f"before => ({POSITIONS})().reduce((sum, one) => sum + one) > before + 100", arg=before)
    page.keyboard.press("Escape")
    page.mouse.up()

    assert place(made) == (date(2031, 3, 2), time(6))
