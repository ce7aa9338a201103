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


def test_language_is_chosen_in_the_account_menu_and_stays(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, WEEK)

    page.get_by_role("button", name="Account of").click()
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


FIRST_LETTER = """(name) => {
    const letter = document.createRange(), box = name.getBoundingClientRect();
    letter.setStart(name.firstChild, 0);
    letter.setEnd(name.firstChild, 1);
    const seen = letter.getBoundingClientRect();
    return [seen.width > 0 && box.left - 1 <= seen.left && seen.right <= box.right + 1, name.scrollWidth > name.clientWidth];
}"""
"""Whether it is within its box, and whether the box cuts anything at all."""


@pytest.mark.parametrize("language", ["en", "he"])
@pytest.mark.parametrize("address", [WEEK, MONTH])
@pytest.mark.parametrize(
    "name",
    [
        "שושנה־מרים בן־דוד־אבוטבול־הכהן מירושלים",
        "عبد الرحمن بن محمد بن عبد العزيز",
        "Maximiliane von Hohenlohe-Langenburg",
    ],
)
def test_name_that_is_too_long_is_cut_at_its_end(
    visit: Visit, station: Station, staff: User, hebrew: str, name: str, address: str, language: str
) -> None:
    made = booking(station, customer=Contact(name))

    page = visit(staff, address, width=768, language=language)

    assert card(page, made).locator(".short").evaluate(FIRST_LETTER) == [True, True]


def test_short_name_from_right_to_left_begins_where_the_others_do(visit: Visit, station: Station, staff: User) -> None:
    """So that a column of cards can be read with one glance."""
    both = [booking(station, customer=Contact(name)) for name in ("שרה כהן", "Ana Li")]
    page = visit(staff, WEEK.replace("week", "day"))

    lefts = [
        card(page, made)
        .locator(".name")
        .evaluate(
            "(name) => { const all = document.createRange(); all.selectNodeContents(name);"
            " return all.getBoundingClientRect().left - name.getBoundingClientRect().left; }"
        )
        for made in both
    ]

    assert [round(left) for left in lefts] == [0, 0]
