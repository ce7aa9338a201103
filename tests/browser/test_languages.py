"""The calendar in another language, and from right to left."""

from datetime import time

import pytest
from django.conf import LazySettings
from playwright.sync_api import expect

from accounts.customers import Contact
from accounts.models import User
from stations.models import Station
from tests.browser.conftest import Visit, too_narrow
from tests.browser.test_calendar import MONTH, WEEK, card, cell, drag, place
from tests.factories import FRIDAY, SATURDAY, booking

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def hebrew(settings: LazySettings) -> str:
    """A language that runs from right to left. Its words are English still: what is tested is the way that the page runs."""
    settings.LANGUAGES = [*settings.LANGUAGES, ("he", "עברית")]
    return "he"


def test_language_is_chosen_at_the_foot_of_the_page_and_stays(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, WEEK)

    page.get_by_role("button", name="Deutsch").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("2.–8. März 2031")
    expect(page.get_by_role("link", name="Neue Buchung", exact=True)).to_be_visible()
    page.get_by_role("link", name="Monat").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("März 2031")


@pytest.mark.parametrize("address", [WEEK, MONTH, WEEK.replace("week", "agenda"), "/bookings/new/?station=kitchen"])
def test_page_from_right_to_left_is_no_wider_than_any_window(
    visit: Visit, station: Station, staff: User, hebrew: str, address: str
) -> None:
    booking(station, customer=Contact("Ana García"), slots=2)

    page = visit(staff, address, language=hebrew)

    assert page.evaluate("document.dir") == "rtl"
    assert too_narrow(page) == []


def test_days_run_from_right_to_left(visit: Visit, station: Station, staff: User, hebrew: str) -> None:
    page = visit(staff, WEEK, language=hebrew)

    friday, saturday = cell(page, FRIDAY, "18:00").bounding_box(), cell(page, SATURDAY, "18:00").bounding_box()

    assert friday
    assert saturday
    assert saturday["x"] < friday["x"]


def test_mouse_drags_from_right_to_left(visit: Visit, station: Station, staff: User, hebrew: str) -> None:
    made = booking(station)
    page = visit(staff, WEEK, language=hebrew)

    drag(page, card(page, made), cell(page, SATURDAY, "20:00"))

    expect(cell(page, SATURDAY, "20:00").locator("[data-booking-id]")).to_be_visible()
    assert place(made) == (SATURDAY, time(20))


def test_left_arrow_leads_to_the_later_day_where_it_lies(
    visit: Visit, station: Station, staff: User, hebrew: str
) -> None:
    made = booking(station)
    page = visit(staff, WEEK, language=hebrew)
    page.wait_for_load_state("load")
    card(page, made).focus()

    for key in ("Space", "ArrowLeft", "Space"):
        page.keyboard.press(key)

    expect(cell(page, SATURDAY, "18:00").locator("[data-booking-id]")).to_be_visible()
    assert place(made) == (SATURDAY, time(18))
