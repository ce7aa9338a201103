"""The door by mouse, keyboard and finger: walk-ins, no-shows, guests counted, and a line that drops."""

import re
from datetime import date, time, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from accounts.customers import Contact
from accounts.models import User
from bookings.models import Booking
from bookings.models.status import Status
from stations.models import Station
from tests.browser.conftest import Visit, too_narrow
from tests.browser.desk import Hand, task
from tests.factories import booking, open_station

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

DOOR = "/calendar/door/?station=kitchen"
NORA = Contact("Nora Silva", "nora@example.com")
PHONE_WIDTH = 390


@pytest.fixture
def station(transactional_db: None) -> Station:
    """Open at every hour in UTC, so that a slot is running whenever this runs."""
    return open_station(code="kitchen", name="Kitchen", hours=range(24), time_zone="UTC", capacity=20)


@pytest.fixture
def today() -> date:
    return timezone.now().date()


@pytest.fixture(params=["mouse", "keyboard", "phone"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def opened(visit: Visit, staff: User, way: str) -> Page:
    return visit(staff, DOOR, width=PHONE_WIDTH, touch=True) if way == "phone" else visit(staff, DOOR)


def choose(hand: Hand, way: str, target: Locator) -> None:
    (hand.tap if way == "phone" else hand.click)(target)


def row(page: Page, made: Booking) -> Locator:
    return page.locator(f'[data-calendar] [data-booking-id="{made.pk}"]')


def test_task_3_walk_in_of_three_is_seated(visit: Visit, staff: User, way: str) -> None:
    page = opened(visit, staff, way)

    with task(page, allowed=6 if way == "keyboard" else 2) as hand:
        if way == "keyboard":
            hand.press("+")
            expect(page.locator(".walk-in button").first).to_be_focused()
            for key in ("Tab", "Tab", "Enter"):
                hand.press(key)
        else:
            choose(hand, way, page.locator(".walk-in summary"))
            choose(hand, way, page.locator(".walk-in").get_by_role("button", name="3", exact=True))
        expect(page.get_by_role("status")).to_contain_text("Booked: Walk-in, 3 guests")
    made = Booking.objects.get()
    assert (made.status, made.total_guests) == (Status.ARRIVED, 3)
    expect(page.locator(".door-here [data-booking-id]")).to_have_count(1)


def test_task_5_no_show_takes_one_tap_and_one_to_undo(
    visit: Visit, station: Station, staff: User, today: date, way: str
) -> None:
    made = booking(station, today, time(23), customer=NORA)
    page = opened(visit, staff, way)
    if way == "keyboard":
        row(page, made).locator(".who").focus()

    with task(page, allowed=3 if way == "keyboard" else 1) as hand:
        if way == "keyboard":
            hand.press("2")
        else:
            choose(hand, way, row(page, made).locator("[data-step=no_show]"))
        expect(page.get_by_role("status")).to_contain_text("Nora Silva is marked as a no-show.")
    expect(page.locator(f'.door-gone [data-booking-id="{made.pk}"]')).to_be_visible()
    assert made.holds.count() == 0

    page.get_by_role("button", name="Undo: mark Nora Silva as a no-show").click()

    expect(page.locator(f'.door-due [data-booking-id="{made.pk}"]')).to_be_visible()


def test_focus_stays_on_the_guest_when_their_row_moves(
    visit: Visit, station: Station, staff: User, today: date
) -> None:
    made = booking(station, today, time(23), customer=NORA)
    page = visit(staff, DOOR)

    row(page, made).locator(".who").focus()
    page.keyboard.press("1")

    expect(page.locator(f'.door-here [data-booking-id="{made.pk}"] .who')).to_be_focused()


def test_guests_are_counted_up_and_down(visit: Visit, station: Station, staff: User, today: date) -> None:
    made = booking(station, today, time(23), customer=NORA, party_adults=2)
    page = visit(staff, DOOR)

    row(page, made).get_by_role("button", name="One guest more: Nora Silva").click()
    expect(row(page, made).locator(".number")).to_have_text("3")
    row(page, made).get_by_role("button", name="One guest fewer: Nora Silva").click()
    expect(row(page, made).locator(".number")).to_have_text("2")
    row(page, made).get_by_role("button", name="One guest fewer: Nora Silva").click()
    expect(row(page, made).locator(".number")).to_have_text("1")

    expect(row(page, made).get_by_role("button", name="One guest fewer: Nora Silva")).to_be_disabled()
    made.refresh_from_db()
    assert made.total_guests == 1


def test_name_opens_the_booking_beside_the_door(visit: Visit, station: Station, staff: User, today: date) -> None:
    made = booking(station, today, time(23), customer=NORA)
    page = visit(staff, DOOR)

    row(page, made).locator(".who").click()

    expect(page.get_by_role("complementary", name="Booking").get_by_role("heading", name="Nora Silva")).to_be_visible()


def test_minutes_late_count_on_without_the_server(visit: Visit, station: Station, staff: User) -> None:
    begun = timezone.now() - timedelta(minutes=timezone.now().minute)
    made = booking(station, begun.date(), time(begun.hour), customer=NORA)
    page = visit(staff, DOOR)
    page.clock.install()
    page.reload()

    page.clock.fast_forward("02:00:00")

    expect(row(page, made).locator(".late")).to_have_text(re.compile(r"^[12] h \d+ min late$"))


def test_without_a_line_the_door_stays_readable_and_says_as_of_when(
    visit: Visit, station: Station, staff: User, today: date
) -> None:
    made = booking(station, today, time(23), customer=NORA)
    page = visit(staff, DOOR)
    expect(page.locator(".as-of")).to_have_text(re.compile(r"As of \d\d:\d\d"))

    page.context.set_offline(True)
    row(page, made).locator("[data-step=arrived]").click()

    expect(page.get_by_role("alert")).to_contain_text(re.compile("No connection|could not be reached"))
    expect(row(page, made).locator(".who")).to_have_text("Nora Silva")
    expect(page.locator(".as-of")).to_be_visible()
    made.refresh_from_db()
    assert made.status == Status.CONFIRMED
    page.context.set_offline(False)


def test_door_works_without_scripts(visit: Visit, station: Station, staff: User, today: date) -> None:
    made = booking(station, today, time(23), customer=NORA)
    page = visit(staff, DOOR, scripts=False)

    row(page, made).locator("[data-step=arrived]").click()
    expect(page.get_by_role("status")).to_contain_text("Nora Silva has arrived.")
    page.locator(".walk-in summary").click()
    page.locator(".walk-in").get_by_role("button", name="2", exact=True).click()

    expect(page.get_by_role("status")).to_contain_text("Booked: Walk-in, 2 guests")
    expect(page.locator(".door-here [data-booking-id]")).to_have_count(2)


def test_door_fits_every_window_and_a_finger(visit: Visit, station: Station, staff: User, today: date) -> None:
    booking(
        station, today, time(23), customer=Contact("Maximilian-Alexander Featherstonehaugh"), special_requests="x" * 200
    )
    page = visit(staff, DOOR, width=320, touch=True)

    assert too_narrow(page) == []
    page.set_viewport_size({"width": PHONE_WIDTH, "height": 844})
    sizes = page.locator(".door button, .walk-in summary").evaluate_all(
        "all => all.filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect())"
        ".map(({ width, height }) => Math.min(width, height))"
    )
    assert min(sizes) >= 44
