"""What people at the desk do most, in no more acts than they need: by mouse, by keyboard and on a phone."""

from datetime import time

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings.models import Booking
from stations.models import Station
from tests.browser.conftest import Visit
from tests.browser.desk import Hand, task
from tests.browser.test_calendar import WEEK
from tests.browser.test_panel import panel
from tests.factories import FRIDAY, SATURDAY, booking

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

NORA = Contact("Nora Silva", "nora@example.com", "+49 30 9011030")
LEO = Contact("Leo Lindqvist", "leo@example.com", "+49 30 9011031")
PHONE_WIDTH = 390


@pytest.fixture
def next_one(station: Station) -> Booking:
    """Nora's next booking, with an earlier and a later one, and somebody else's."""
    booking(station, FRIDAY.replace(year=2022), customer=NORA)
    made = booking(station, customer=NORA, special_requests="Window")
    booking(station, SATURDAY, customer=NORA)
    booking(station, FRIDAY, slot=time(19), customer=LEO)
    return made


def search_field(page: Page) -> Locator:
    return page.get_by_placeholder("Name, email or phone")


# --- 1: find a caller by the last four digits, and read their contact -------------------------------------------------------


def expect_contact(page: Page, made: Booking) -> None:
    """The next booking is beside the calendar, which still shows everybody, and its contact has been recorded as shown."""
    expect(panel(page).get_by_role("link", name="+49309011030")).to_be_visible()
    expect(panel(page).get_by_role("heading", level=1)).to_be_focused()
    expect(page.locator("[data-detail-id]")).to_have_attribute("data-detail-id", str(made.pk))
    expect(page.locator("[data-calendar] [data-booking-id]").filter(has_text="Leo Lindqvist")).to_have_count(1)
    [entry] = AuditEntry.objects.filter(event="revealed")
    assert entry.changes["found_by"] == [None, "phone"]


def test_caller_is_found_by_mouse(visit: Visit, staff: User, next_one: Booking) -> None:
    page = visit(staff, WEEK)
    with task(page, allowed=2) as hand:
        hand.fill(search_field(page), "1030")
        hand.click(page.get_by_role("gridcell", name="Nora Silva"))
        expect_contact(page, next_one)


def test_caller_is_found_by_keyboard(visit: Visit, staff: User, next_one: Booking) -> None:
    page = visit(staff, WEEK)
    with task(page, allowed=2) as hand:
        hand.press("/")
        hand.type("1030")
        hand.press("Enter")
        expect_contact(page, next_one)


def test_caller_is_found_on_a_phone(visit: Visit, staff: User, next_one: Booking) -> None:
    page = visit(staff, WEEK, width=PHONE_WIDTH, touch=True)
    with task(page, allowed=2) as hand:
        hand.fill(search_field(page), "1030")
        hand.tap(page.get_by_role("gridcell", name="Nora Silva"))
        expect_contact(page, next_one)


# --- 4: a new booking for a known caller: four guests, with a request -------------------------------------------------------


def expect_booked(page: Page) -> None:
    expect(page.get_by_role("status")).to_contain_text("Booked: Nora Silva, 4 guests")
    made = Booking.objects.latest("created_at")
    assert (made.party_adults, made.special_requests) == (4, "High chair")


def by_pointer(page: Page, hand: Hand) -> None:
    hand.fill(search_field(page), "1030")
    hand.click(page.get_by_role("gridcell", name="New booking"))
    hand.click(panel(page).get_by_role("radio", name="4", exact=True))
    hand.fill(panel(page).get_by_label("Special requests"), "High chair")
    hand.click(panel(page).get_by_role("button", name="Book", exact=True))
    expect_booked(page)


def test_known_caller_is_booked_by_mouse(visit: Visit, staff: User, next_one: Booking) -> None:
    page = visit(staff, WEEK)
    with task(page, allowed=5) as hand:
        by_pointer(page, hand)


def test_known_caller_is_booked_on_a_phone(visit: Visit, staff: User, next_one: Booking) -> None:
    page = visit(staff, WEEK, width=PHONE_WIDTH, touch=True)
    with task(page, allowed=5) as hand:
        by_pointer(page, hand)


def test_known_caller_is_booked_by_keyboard(visit: Visit, staff: User, next_one: Booking) -> None:
    page = visit(staff, WEEK)
    with task(page, allowed=15) as hand:
        hand.press("/")
        hand.type("1030")
        expect(page.get_by_role("gridcell", name="New booking")).to_be_visible()
        hand.press("ArrowRight")
        hand.press("Enter")
        expect(panel(page).get_by_role("radio", name="2", exact=True)).to_be_focused()
        hand.press("ArrowRight")
        hand.press("ArrowRight")
        while page.evaluate("document.activeElement.name") != "special_requests":
            hand.press("Tab")
        hand.type("High chair")
        while page.evaluate("document.activeElement.textContent") != "Book":
            hand.press("Tab")
        hand.press("Enter")
        expect_booked(page)


# --- 9: tonight on paper ----------------------------------------------------------------------------------------------------

COUNT_DIALOGS = (
    "window.print = () => sessionStorage.setItem('dialogs', 1 + Number(sessionStorage.getItem('dialogs'))); null;"
)


def confirm_dialog(page: Page, hand: Hand) -> None:
    """Enter in the browser's print dialog, which no test can press: the page has opened it by itself."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Friday 7 March 2031")
    expect(page.get_by_role("row", name="Nora Silva")).to_be_visible()
    page.wait_for_load_state("load")
    assert page.evaluate("sessionStorage.getItem('dialogs')") == "1"
    hand.done.append("press Enter in the dialog")


def test_tonight_is_printed_by_keyboard(visit: Visit, staff: User, next_one: Booking) -> None:
    page = visit(staff, WEEK)
    page.context.add_init_script(COUNT_DIALOGS)
    with task(page, allowed=2) as hand:
        hand.press("p")
        confirm_dialog(page, hand)


@pytest.mark.parametrize("width", [1280, PHONE_WIDTH])
def test_tonight_is_printed_by_a_click(visit: Visit, staff: User, next_one: Booking, width: int) -> None:
    page = visit(staff, WEEK, width=width)
    page.context.add_init_script(COUNT_DIALOGS)
    with task(page, allowed=2) as hand:
        hand.click(page.get_by_role("link", name="Print", exact=True))
        confirm_dialog(page, hand)
