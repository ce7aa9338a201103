"""Whatever moves it: what each place would be for the booking in the hand, and how a move is taken back."""

from datetime import date, time

import pytest
from playwright.sync_api import expect

from accounts import roles
from accounts.models import User
from bookings import services
from bookings.models import Booking
from bookings.services import Place
from stations.models import Station
from tests.browser.conftest import Visit
from tests.browser.test_calendar import WEEK, card, cell, drag, place
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking, open_station, person

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

STEPS = "[data-announcements]"


@pytest.fixture
def station(transactional_db: None) -> Station:
    return open_station(code="kitchen", name="Kitchen", guest_capacity=6)


def test_every_cell_says_what_it_would_be_or_why_not(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, party_adults=4)
    for _n in range(3):
        booking(station, SATURDAY)
    booking(station, SATURDAY, slot=time(19), party_adults=5)
    booking(station, SATURDAY, slot=time(20))
    ExceptionFactory(station=station, date=date(2031, 3, 6), reason="Stocktaking")
    page = visit(staff, WEEK)

    drag(page, card(page, made), cell(page, SATURDAY, "20:00"), drop=False)

    said = {(SATURDAY, "18:00"): "full", (SATURDAY, "19:00"): "room for 1 guest", (SATURDAY, "20:00"): "2 of 3",
            (date(2031, 3, 6), "18:00"): "closed: Stocktaking"}  # fmt: skip
    for (day, slot), words in said.items():
        expect(cell(page, day, slot).locator(".move-option")).to_have_text(words)
    assert cell(page, SATURDAY, "20:00").get_attribute("data-move-option") == "free"
    assert cell(page, SATURDAY, "18:00").get_attribute("data-move-option") == "slot_full"
    page.keyboard.press("Escape")
    expect(page.locator(".move-option")).to_have_count(0)


def test_past_cells_say_so(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, date(2026, 11, 20))
    Booking.objects.filter(pk=made.pk).update(status="confirmed")
    page = visit(staff, "/calendar/week/?station=kitchen&date=2026-11-20")

    drag(page, card(page, made), cell(page, date(2026, 11, 21), "18:00"), drop=False)

    expect(cell(page, date(2026, 11, 21), "18:00").locator(".move-option")).to_have_text("past")


def test_ctrl_z_takes_back_the_last_ten_moves_one_by_one(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    slots = ["19:00", "20:00", "21:00", "17:00"]
    for slot in slots:
        drag(page, card(page, made), cell(page, FRIDAY, slot))
        expect(cell(page, FRIDAY, slot).locator("[data-booking-id]")).to_be_visible()

    for slot in [*reversed(slots[:-1]), "18:00"]:
        page.keyboard.press("Control+z")
        expect(page.get_by_role("status")).to_contain_text(f"Undone: Walk-in is back at {slot}, Fri 7 Mar.")
        expect(cell(page, FRIDAY, slot).locator("[data-booking-id]")).to_be_visible()

    assert place(made) == (FRIDAY, time(18))
    page.keyboard.press("Control+z")
    expect(page.get_by_role("alert")).to_contain_text("Nothing to undo.")


def test_undo_of_what_a_colleague_changed_meanwhile_says_who(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    drag(page, card(page, made), cell(page, SATURDAY, "20:00"))
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    services.reschedule(made.pk, to=Place(SATURDAY, time(17)), by=person(roles.STAFF, station, email="sam@example.com"))

    page.get_by_role("button", name="Undo").click()

    expect(page.get_by_role("alert")).to_contain_text("sam@example.com has changed this booking")
    assert place(made) == (SATURDAY, time(17))


@pytest.mark.parametrize(("way", "where"), [("anyway", (SATURDAY, time(17))), ("Keep it", (SATURDAY, time(20)))])
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
    page.locator(".move-option").first.wait_for()

    assert page.evaluate(boxes) == before
