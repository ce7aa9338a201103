"""The calendar's views in a real browser: each usable at every width, dragged in, printed, and with a line for now."""

import re
from datetime import UTC, datetime, time

import pytest
from playwright.sync_api import expect

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings.models import Booking
from stations.models import Station
from tests.browser.conftest import Visit, too_narrow
from tests.browser.test_calendar import card, cell, drag, place
from tests.factories import FRIDAY, SATURDAY, OpeningFactory, booking, open_station, person

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

KINDS = ("week", "month", "day", "agenda", "stations", "door")


def address(kind: str) -> str:
    return f"/calendar/{kind}/?station=kitchen&date=2031-03-07"


@pytest.fixture
def staff(station: Station) -> User:
    return person(roles.STAFF, station, open_station(code="court", name="Court"), email="staff@example.com")


@pytest.mark.parametrize("where", [*map(address, KINDS), "/bookings/new/", "/accounts/login/", "/api/"])
def test_page_is_no_wider_than_any_window(visit: Visit, station: Station, staff: User, where: str) -> None:
    contact = Contact("Donaudampfschifffahrtsgesellschaft García", "ana@example.com")
    booking(station, customer=contact, slots=2, special_requests="x" * 300)
    for lost in (booking(station, slot=time(hour), customer=contact) for hour in range(17, 22)):
        lost.holds.all().delete()
        Booking.objects.filter(pk=lost.pk).update(needs_place=True)
    page = visit(staff, where)

    assert too_narrow(page) == []


def test_drag_in_the_agenda_keeps_the_slot(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, address("agenda"))

    drag(page, card(page, made), cell(page, SATURDAY))

    expect(cell(page, SATURDAY).locator("[data-booking-id]")).to_be_visible()
    assert place(made) == (SATURDAY, time(18))


def test_keys_lead_to_every_view(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, address("week"))

    for key, kind in (("d", "day"), ("a", "agenda"), ("s", "stations"), ("o", "door"), ("m", "month"), ("w", "week")):
        page.wait_for_load_state("load")
        page.keyboard.press(key)
        expect(page).to_have_url(re.compile(f"/calendar/{kind}/.*date=2031-03-07"))


def test_stations_lead_to_the_day_of_each(visit: Visit, station: Station, staff: User) -> None:
    booking(station)
    page = visit(staff, address("stations"))

    page.get_by_role("link", name="Kitchen, Friday 7 March").click()

    expect(page).to_have_url(re.compile(r"/calendar/day/\?station=kitchen&date=2031-03-07"))


@pytest.mark.parametrize("kind", ["week", "day", "month", "stations"])
def test_names_of_the_days_stay_in_sight_over_a_long_grid(
    visit: Visit, station: Station, staff: User, kind: str
) -> None:
    for hour in range(6, 17):
        OpeningFactory.create_batch(1, station=station, start=time(hour))
    page = visit(staff, address(kind))
    page.set_viewport_size({"width": 1280, "height": 650})

    page.locator(".scroll").evaluate("grid => grid.scrollTo(0, grid.scrollHeight)")

    expect(page.locator("thead th").first).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollHeight") <= 650


@pytest.mark.parametrize("kind", ["week", "day"])
def test_line_for_now_stands_in_the_slot_of_the_stations_own_time(
    visit: Visit, station: Station, staff: User, kind: str
) -> None:
    page = visit(staff, "/accounts/login/")
    page.clock.install(time=datetime(2031, 3, 7, 17, 30, tzinfo=UTC))
    page.goto(page.url.replace("/accounts/login/", address(kind)))
    page.evaluate(
        """() => { for (const [slot, starts, ends] of [["18:00", "17:00", "18:00"], ["19:00", "18:00", "19:00"]]) {
             const cell = document.querySelector(`[data-drop-date="2031-03-07"][data-drop-slot="${slot}"]`);
             cell.dataset.starts = `2031-03-07T${starts}:00+00:00`; cell.dataset.ends = `2031-03-07T${ends}:00+00:00`; } }"""
    )

    page.clock.run_for(60_000)
    expect(cell(page, FRIDAY, "18:00").locator(".now-line")).to_be_visible()
    page.clock.run_for(30 * 60_000)
    expect(cell(page, FRIDAY, "19:00").locator(".now-line")).to_be_visible()
    expect(page.locator(".now-line")).to_have_count(1)


@pytest.mark.parametrize("kind", ["day", "agenda", "week"])
def test_paper_shows_the_bookings_and_no_buttons(visit: Visit, station: Station, staff: User, kind: str) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"), special_requests="Nuts")
    page = visit(staff, address(kind))

    page.emulate_media(media="print")

    expect(card(page, made)).to_be_visible()
    for hidden in (page.get_by_role("button"), page.locator(".top"), page.locator(".add"), page.locator(".moveto")):
        assert [one for one in hidden.all() if one.is_visible()] == []
    ink, paper = (
        card(page, made).evaluate(f"one => getComputedStyle(one).{name}") for name in ("color", "backgroundColor")
    )
    assert (ink, paper) == ("rgb(0, 0, 0)", "rgb(255, 255, 255)")
