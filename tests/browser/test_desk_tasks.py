"""What people at the desk do most, with as few actions as possible: by mouse, by keyboard and on a phone."""

import re
from datetime import time, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings import services
from bookings.models import Booking
from bookings.services import Place
from stations.models import Opening, Station
from tests.browser.conftest import Visit
from tests.browser.desk import Hand, task
from tests.browser.test_calendar import WEEK
from tests.browser.test_panel import panel
from tests.factories import FRIDAY, SATURDAY, booking, person

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

NORA = Contact("Nora Silva", "nora@example.com", "+49 30 9011030")
LEO = Contact("Leo Lindqvist", "leo@example.com", "+49 30 9011031")
PHONE_WIDTH = 390
DAY = "/calendar/day/?station=kitchen&date=2031-03-07"


@pytest.fixture
def next_one(station: Station) -> Booking:
    """Nora's next booking, with an earlier and a later one, and another customer's."""
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


def test_tonight_is_printed_by_a_click(visit: Visit, staff: User, next_one: Booking) -> None:
    page = visit(staff, WEEK)
    page.context.add_init_script(COUNT_DIALOGS)
    with task(page, allowed=2) as hand:
        hand.click(page.get_by_role("link", name="Print", exact=True))
        confirm_dialog(page, hand)


def test_tonight_is_printed_from_the_menu_of_a_phone(visit: Visit, staff: User, next_one: Booking) -> None:
    page = visit(staff, WEEK, width=PHONE_WIDTH, touch=True)
    page.context.add_init_script(COUNT_DIALOGS)
    with task(page, allowed=3) as hand:
        hand.tap(page.get_by_role("button", name="Account of"))
        hand.tap(page.get_by_role("link", name="Print", exact=True))
        confirm_dialog(page, hand)


# --- 15: what changed today -------------------------------------------------------------------------------------------------


def test_what_changed_today_takes_one_action(visit: Visit, staff: User, station: Station, way: str) -> None:
    booking(station, customer=NORA)
    page = visit(staff, WEEK, width=PHONE_WIDTH, touch=True) if way == "phone" else visit(staff, WEEK)

    with task(page, allowed=1) as hand:
        if way == "keyboard":
            hand.press("h")
        else:
            choose(hand, way, page.get_by_role("link", name="What changed today"))
        expect(page.get_by_role("heading", name="New 1")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Nora Silva")).to_have_count(1)


# --- The booking is in the grid, where its card has the focus or is under the hand ------------------------------------------


@pytest.fixture(params=["mouse", "keyboard", "phone"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def desk(visit: Visit, staff: User, next_one: Booking, way: str) -> Page:
    """The week with Nora's booking."""
    page = visit(staff, WEEK, width=PHONE_WIDTH, touch=True) if way == "phone" else visit(staff, WEEK)
    nora(page).focus()
    return page


def nora(page: Page) -> Locator:
    return page.locator('.scroll [data-date="2031-03-07"] .who', has_text="Nora Silva")


def choose(hand: Hand, way: str, target: Locator) -> None:
    if way == "phone":
        hand.tap(target)
    else:
        hand.click(target)


def opened(hand: Hand, way: str) -> Locator:
    """Open Nora's booking, and return the panel."""
    if way == "keyboard":
        hand.press("Enter")
    else:
        choose(hand, way, nora(hand.page))
    expect(panel(hand.page).get_by_role("heading", level=1)).to_be_focused()
    return panel(hand.page)


def test_task_2_open_booking_moves_to_the_next_free_slot(desk: Page, next_one: Booking, way: str) -> None:
    opened(Hand(desk), way)
    with task(desk, allowed=3 if way == "keyboard" else 1) as hand:
        first = panel(desk).locator(".choices button").first
        if way == "keyboard":
            hand.press("f")
            expect(first).to_be_focused()
            hand.press("Enter")
        else:
            choose(hand, way, first)
        expect(desk.get_by_role("status")).to_contain_text("Nora Silva moved from 18:00 to 19:00, Fri 7 Mar.")


def test_task_8_who_moved_a_booking_and_from_where(desk: Page, staff: User, next_one: Booking, way: str) -> None:
    services.reschedule(next_one.pk, to=Place(FRIDAY, time(20)), by=staff)
    desk.reload()
    nora(desk).focus()
    with task(desk, allowed=1) as hand:
        line = opened(hand, way).locator(".story li").first
        expect(line).to_be_in_viewport()
        expect(line).to_have_text(
            re.compile(rf"18:00 → Fri 7 Mar 2031 20:00,\s+by {staff.email},\s+\w+ \d+ \w+ \d\d:\d\d")
        )


def test_task_11_next_saturday_with_room_for_eight_at_seven(desk: Page, station: Station, way: str) -> None:
    Opening.objects.update(guest_capacity=10)
    for week in range(2):
        booking(station, SATURDAY + timedelta(weeks=week), slot=time(19), party_adults=3)
    desk.reload()
    with task(desk, allowed=9 if way == "keyboard" else 3) as hand:
        for _week in range(2):
            address = desk.url
            if way == "keyboard":
                hand.press("ArrowRight")
            else:
                choose(hand, way, desk.get_by_role("link", name="Next"))
            expect(desk).not_to_have_url(address)
        there = desk.locator('[data-drop-date="2031-03-22"][data-drop-slot="19:00"]')
        if way == "phone":
            there.scroll_into_view_if_needed()
            hand.done.append("swipe to Saturday")
        expect(there.locator(".load")).to_contain_text("0/10")


def test_task_12_party_of_two_becomes_five(desk: Page, next_one: Booking, way: str) -> None:
    services.edit(next_one.pk, {"party_adults": 2}, by=roles.OPERATOR)
    desk.reload()
    nora(desk).focus()
    with task(desk, allowed=6 if way == "keyboard" else 2) as hand:
        sizes = opened(hand, way).locator(".chips")
        if way == "keyboard":
            hand.press("g")
            for _more in range(3):
                hand.press("Tab")
            hand.press("Enter")
        else:
            choose(hand, way, sizes.get_by_role("button", name="5"))
        expect(desk.get_by_role("status")).to_contain_text("Nora Silva: Party changed from 2 to 5.")
        expect(panel(desk).get_by_role("button", name="5")).to_be_focused()


def test_task_14_wrong_booking_is_cancelled_and_restored(desk: Page, next_one: Booking, way: str) -> None:
    with task(desk, allowed=12 if way == "keyboard" else 4) as hand:
        more, cancel = desk.locator(".more-actions summary"), desk.get_by_role("button", name="Cancel booking")
        opened(hand, way)
        for target in (more, cancel):
            if way == "keyboard":
                while not target.evaluate("one => one === document.activeElement"):
                    hand.press("Tab")
                hand.press("Enter")
            else:
                choose(hand, way, target)
        undo = desk.get_by_role("button", name="Undo: cancel Nora Silva")
        expect(undo).to_be_visible()
        if way == "keyboard":
            hand.press("Control+z")
        else:
            choose(hand, way, undo)
        expect(desk.get_by_role("status")).to_contain_text("Undone: Nora Silva is confirmed again.")


# --- 7: close an evening ----------------------------------------------------------------------------------------------------


def test_evening_is_closed_with_those_in_the_way_named(visit: Visit, station: Station, way: str) -> None:
    made = booking(station, customer=NORA)
    manager = person(roles.MANAGERS, station)
    page = visit(manager, DAY, width=PHONE_WIDTH, touch=True) if way == "phone" else visit(manager, DAY)

    with task(page, allowed=15 if way == "keyboard" else 5) as hand:
        agree = page.get_by_role("button", name="Close, and list them as unassigned")
        if way == "keyboard":
            hand.press("c")
            expect(page.get_by_label("Reason")).to_be_focused()
            hand.type("Private party")
            hand.press("Enter")
            expect(agree).to_be_focused()
            hand.press("Enter")
        else:
            choose(hand, way, page.get_by_role("link", name="Close…"))
            hand.fill(page.get_by_label("Reason"), "Private party")
            choose(hand, way, page.get_by_role("button", name="Close", exact=True))
            expect(page.get_by_role("listitem").filter(has_text="Nora Silva")).to_be_visible()
            choose(hand, way, agree)
        expect(page.get_by_role("status")).to_contain_text("Closed: Fri 7 Mar 2031.")
    made.refresh_from_db()
    assert made.needs_place
