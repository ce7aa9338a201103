"""One drag, three hands: a mouse, a finger, a keyboard; what each place would be, and how it is taken back."""

import re
import time as clock
from datetime import date, time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.models import Booking
from bookings.services import Place
from stations.models import Station
from tests.browser.conftest import Visit
from tests.browser.test_calendar import MONTH, WEEK, card, cell, drag, place
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking, open_station, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

STEPS = "[data-steps]"


@pytest.fixture
def station(transactional_db: None) -> Station:
    return open_station(code="kitchen", name="Kitchen", guest_capacity=6)


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


def press(page: Page, key: str) -> None:
    """A key, once the page that the one before led to listens."""
    page.wait_for_load_state("load")
    page.keyboard.press(key)


@pytest.mark.parametrize("width", [1280, 768, 320])
def test_finger_that_holds_lifts_and_drops(visit: Visit, station: Station, staff: User, width: int) -> None:
    made = booking(station)
    page = visit(staff, WEEK, width=width, touch=True)
    card(page, made).scroll_into_view_if_needed()
    finger, (x, y) = Finger(page), middle(page, card(page, made))

    finger.down(x, y)
    page.locator(".lifted").wait_for()
    to = middle(page, cell(page, FRIDAY, "20:00"))
    for share in (0.3, 0.7, 1.0):
        finger.move(x + (to[0] - x) * share, y + (to[1] - y) * share)
    finger.up()

    expect(page.get_by_role("status")).to_contain_text("Moved to Friday 7 March 20:00.")
    assert place(made) == (FRIDAY, time(20))


def test_finger_that_swipes_scrolls_and_moves_nothing(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK, width=320, touch=True)
    card(page, made).scroll_into_view_if_needed()
    before = page.evaluate("document.querySelector('.scroll').scrollLeft")
    finger, (x, y) = Finger(page), middle(page, card(page, made))

    finger.down(x, y)
    for step in range(1, 9):
        finger.move(x + 12 * step, y)
    finger.up()

    page.wait_for_function("before => document.querySelector('.scroll').scrollLeft < before", arg=before)
    expect(page.locator(".lifted")).to_have_count(0)
    assert place(made) == (FRIDAY, time(18))


def test_second_finger_puts_the_booking_back(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK, touch=True)
    finger, (x, y) = Finger(page), middle(page, card(page, made))

    finger.down(x, y)
    page.locator(".lifted").wait_for()
    finger._send("touchStart", [{"x": x, "y": y, "id": 0}, {"x": x + 90, "y": y + 60, "id": 1}])
    expect(page.locator(".lifted")).to_have_count(0)
    finger.up()

    assert place(made) == (FRIDAY, time(18))


@pytest.mark.parametrize("key", ["Space", "Enter"])
@pytest.mark.parametrize("width", [1280, 320])
def test_keyboard_picks_up_walks_and_drops(visit: Visit, station: Station, staff: User, key: str, width: int) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))
    booking(station, SATURDAY, slot=time(19))
    page = visit(staff, WEEK, width=width)

    card(page, made).focus()
    page.keyboard.press(key)
    expect(page.locator(STEPS)).to_contain_text(re.compile("Ana García picked up|Friday 18:00, where it is"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator(STEPS)).to_have_text("Saturday 19:00, 1 of 3 taken")
    page.keyboard.press(key)

    expect(page.get_by_role("status")).to_contain_text("Moved to Saturday 8 March 19:00.")
    assert place(made) == (SATURDAY, time(19))
    expect(card(page, made)).to_be_focused()


def test_keyboard_walks_the_days_of_a_month(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, MONTH)

    card(page, made).focus()
    for key in ("Space", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowDown", "Space"):
        page.keyboard.press(key)

    expect(cell(page, date(2031, 3, 13)).locator("[data-booking-id]")).to_be_visible()
    assert place(made) == (date(2031, 3, 13), time(18))


@pytest.mark.parametrize("key", ["Escape", "Tab"])
def test_keyboard_puts_it_back(visit: Visit, station: Station, staff: User, key: str) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))
    page = visit(staff, WEEK)

    card(page, made).focus()
    for one in ("Space", "ArrowRight", key):
        page.keyboard.press(one)

    expect(page.locator(STEPS)).to_have_text("Ana García put back.")
    expect(page.locator(".over, .in-hand, .outlook")).to_have_count(0)
    assert place(made) == (FRIDAY, time(18))


def test_keyboard_carries_a_booking_to_the_next_week(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)

    card(page, made).focus()
    for key in ("Space", "PageDown", "Space"):
        page.keyboard.press(key)

    expect(page).to_have_url(re.compile("date=2031-03-09"))
    expect(cell(page, date(2031, 3, 14), "18:00").locator("[data-booking-id]")).to_be_visible()


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


def test_every_cell_says_what_it_would_be_or_why_not(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, party_adults=4)
    for _n in range(3):
        booking(station, SATURDAY)
    booking(station, SATURDAY, slot=time(19), party_adults=5)
    booking(station, SATURDAY, slot=time(20))
    ExceptionFactory(station=station, date=date(2031, 3, 6), reason="Stocktaking")
    page = visit(staff, WEEK)

    drag(page, card(page, made), cell(page, SATURDAY, "20:00"), drop=False)

    said = {(SATURDAY, "18:00"): "full", (SATURDAY, "19:00"): "room for 1 guests", (SATURDAY, "20:00"): "2 of 3",
            (date(2031, 3, 6), "18:00"): "closed: Stocktaking"}  # fmt: skip
    for (day, slot), words in said.items():
        expect(cell(page, day, slot).locator(".outlook")).to_have_text(words)
    assert cell(page, SATURDAY, "20:00").get_attribute("data-outlook") == "free"
    assert cell(page, SATURDAY, "18:00").get_attribute("data-outlook") == "slot_full"
    page.keyboard.press("Escape")
    expect(page.locator(".outlook")).to_have_count(0)


def test_past_cells_say_so(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, date(2026, 11, 20))
    Booking.objects.filter(pk=made.pk).update(status="confirmed")
    page = visit(staff, "/calendar/week/?station=kitchen&date=2026-11-20")

    drag(page, card(page, made), cell(page, date(2026, 11, 21), "18:00"), drop=False)

    expect(cell(page, date(2026, 11, 21), "18:00").locator(".outlook")).to_have_text("past")


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


@pytest.mark.parametrize("event", ["blur", "pointercancel"])
def test_drag_that_is_cut_off_ends_harmless(visit: Visit, station: Station, staff: User, event: str) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    drag(page, card(page, made), cell(page, SATURDAY, "18:00"), drop=False)

    page.evaluate(
        "name => window.dispatchEvent(name === 'blur' ? new Event(name) : new PointerEvent(name, {pointerId: 1}))",
        event,
    )

    expect(page.locator(".lifted, .in-hand, .over")).to_have_count(0)
    page.mouse.up()
    assert place(made) == (FRIDAY, time(18))


def test_drag_let_go_outside_the_window_changes_nothing(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    drag(page, card(page, made), cell(page, SATURDAY, "18:00"), drop=False)

    page.mouse.move(-20, 200)
    page.mouse.up()

    expect(page.locator(".lifted")).to_have_count(0)
    assert place(made) == (FRIDAY, time(18))


def test_grid_scrolls_on_under_a_booking_near_its_edge(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, date(2031, 3, 3))
    page = visit(staff, WEEK, width=320)
    card(page, made).scroll_into_view_if_needed()
    before = page.evaluate("document.querySelector('.scroll').scrollLeft")
    x, y = middle(page, card(page, made))

    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y, steps=3)
    page.mouse.move(306, y, steps=3)
    page.wait_for_function("before => document.querySelector('.scroll').scrollLeft > before + 100", arg=before)
    page.mouse.up()


def test_ctrl_z_takes_back_the_last_ten_moves_one_by_one(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    slots = ["19:00", "20:00", "21:00", "17:00"]
    for slot in slots:
        drag(page, card(page, made), cell(page, FRIDAY, slot))
        expect(cell(page, FRIDAY, slot).locator("[data-booking-id]")).to_be_visible()

    for slot in [*reversed(slots[:-1]), "18:00"]:
        page.keyboard.press("Control+z")
        expect(page.get_by_role("status")).to_contain_text(f"Taken back: Friday 7 March {slot} again.")
        expect(cell(page, FRIDAY, slot).locator("[data-booking-id]")).to_be_visible()

    assert place(made) == (FRIDAY, time(18))
    page.keyboard.press("Control+z")
    expect(page.get_by_role("alert")).to_contain_text("There is no move left to undo.")


def test_undo_of_what_a_colleague_changed_meanwhile_says_who(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    drag(page, card(page, made), cell(page, SATURDAY, "20:00"))
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    services.reschedule(made.pk, to=Place(SATURDAY, time(17)), by=person(roles.STAFF, station, email="sam@example.com"))

    page.get_by_role("button", name="Undo").click()

    expect(page.get_by_role("alert")).to_contain_text("sam@example.com changed this booking meanwhile")
    assert place(made) == (SATURDAY, time(17))


@pytest.mark.parametrize(("way", "where"), [("all the same", (SATURDAY, time(17))), ("Leave it", (SATURDAY, time(20)))])
def test_stale_drop_offers_both_ways_on(
    visit: Visit, station: Station, staff: User, way: str, where: tuple[date, time]
) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    services.reschedule(made.pk, to=Place(SATURDAY, time(20)), by=person(roles.STAFF, station, email="sam@example.com"))
    drag(page, card(page, made), cell(page, SATURDAY, "17:00"))
    expect(page.get_by_role("alert")).to_contain_text("sam@example.com")

    page.get_by_role("alert").get_by_role("button", name=way).click()

    expect(page.get_by_role("alert").get_by_role("button")).to_have_count(0)
    expect(cell(page, where[0], f"{where[1]:%H:%M}").locator("[data-booking-id]")).to_be_visible()
    assert place(made) == where


def test_what_a_colleague_does_appears_within_fifteen_seconds_without_a_jump(
    visit: Visit, station: Station, staff: User
) -> None:
    made = booking(station)
    page = visit(staff, WEEK, width=320)
    page.evaluate("document.querySelector('.scroll').scrollTo(200, 0)")
    page.evaluate("window.here = 'still the same page'")
    started = clock.monotonic()

    services.reschedule(made.pk, to=Place(SATURDAY, time(20)), by=roles.OPERATOR)

    expect(cell(page, SATURDAY, "20:00").locator("[data-booking-id]")).to_have_count(1, timeout=15_000)
    assert clock.monotonic() - started < 15
    assert page.evaluate("[window.here, document.querySelector('.scroll').scrollLeft]") == ["still the same page", 200]


@pytest.mark.parametrize("where", ["select[name=status]", "[data-opens-keys]", ".scroll", "a[rel=next]"])
def test_what_a_colleague_does_takes_nobodys_focus(visit: Visit, station: Station, staff: User, where: str) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    page.wait_for_load_state("load")
    page.locator(where).focus()

    services.reschedule(made.pk, to=Place(SATURDAY, time(20)), by=roles.OPERATOR)
    page.evaluate("window.dispatchEvent(new Event('online'))")

    expect(cell(page, SATURDAY, "20:00").locator("[data-booking-id]")).to_have_count(1)
    expect(page.locator(where)).to_be_focused()


def test_lost_connection_is_said_at_once_and_its_return_too(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    drag(page, card(page, made), cell(page, SATURDAY, "18:00"), drop=False)

    page.context.set_offline(True)
    expect(page.get_by_role("alert")).to_contain_text("No connection.")
    page.mouse.up()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved; try again.")
    expect(cell(page, FRIDAY, "18:00").locator("[data-booking-id]")).to_be_visible()
    assert place(made) == (FRIDAY, time(18))

    page.context.set_offline(False)
    expect(page.get_by_role("alert")).not_to_contain_text("No connection.")


def test_keys_do_what_the_sheet_lists(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, WEEK)

    press(page, "?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    press(page, "Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    press(page, "m")
    expect(page).to_have_url(re.compile("/calendar/month/.*date=2031-03-07"))
    press(page, "w")
    expect(page).to_have_url(re.compile("/calendar/week/"))
    press(page, "ArrowRight")
    expect(page).to_have_url(re.compile("date=2031-03-09"))
    press(page, "ArrowLeft")
    expect(page).to_have_url(re.compile("date=2031-03-02"))
    press(page, "/")
    expect(page.get_by_placeholder("Name, e-mail or phone")).to_be_focused()
    page.keyboard.type("two moons")
    expect(page.get_by_placeholder("Name, e-mail or phone")).to_have_value("two moons")
    page.locator("main").focus()
    press(page, "n")
    expect(page.get_by_role("heading", name="New booking at Kitchen")).to_be_focused()


def test_single_keys_can_be_turned_off(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, WEEK)

    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Single keys are on").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("m")

    expect(page).to_have_url(re.compile("/calendar/week/"))


@pytest.mark.parametrize("kind", ["week", "month", "day", "agenda"])
def test_nothing_shifts_under_the_hand(visit: Visit, station: Station, staff: User, kind: str) -> None:
    made = booking(station)
    page = visit(staff, f"/calendar/{kind}/?station=kitchen&date=2031-03-07")
    boxes = (
        "[...document.querySelectorAll('[data-drop-date]')].map((one) => JSON.stringify(one.getBoundingClientRect()))"
    )
    before = page.evaluate(boxes)

    card(page, made).focus()
    page.keyboard.press("Space")
    page.locator(".outlook").first.wait_for()

    assert page.evaluate(boxes) == before
