"""The live list of the search field: by keyboard, mouse and finger, and the search page without scripts."""

import re
from datetime import time

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings.models import Booking
from stations.models import Station
from tests.browser.conftest import Visit
from tests.browser.test_calendar import WEEK
from tests.browser.test_panel import panel
from tests.factories import SATURDAY, booking, customer, open_station

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

NORA = Contact("Nora Silva", "nora@example.com", "+49 30 9011030")
NORBERT = Contact("Norbert Abernathy", "norbert@example.com", "+49 30 9011031")


@pytest.fixture
def made(station: Station) -> Booking:
    booking(station, SATURDAY, time(19), customer=NORBERT)
    return booking(station, customer=NORA)


def field(page: Page) -> Locator:
    return page.get_by_placeholder("Name, email or phone")


def typed(visit: Visit, staff: User, text: str, width: int = 1280) -> Page:
    page = visit(staff, WEEK, width=width)
    page.keyboard.press("/")
    page.keyboard.type(text, delay=50)
    return page


def hits(page: Page) -> Locator:
    return page.get_by_role("gridcell")


def test_arrow_keys_walk_through_the_hits_and_enter_opens_one(visit: Visit, staff: User, made: Booking) -> None:
    page = typed(visit, staff, "nor")
    selected = page.get_by_role("gridcell", selected=True)
    expect(selected).to_contain_text("Nora Silva")

    page.keyboard.press("ArrowDown")
    expect(selected).to_contain_text("Norbert Abernathy")
    page.keyboard.press("ArrowDown")
    expect(selected).to_contain_text("Nora Silva")
    page.keyboard.press("ArrowUp")
    expect(selected).to_contain_text("Norbert Abernathy")
    expect(field(page)).to_be_focused()
    page.keyboard.press("Enter")

    expect(panel(page).get_by_role("heading", level=1)).to_contain_text("Norbert Abernathy")
    expect(hits(page)).to_have_count(0)


def test_escape_in_the_panel_returns_to_the_search_field_and_its_hits(visit: Visit, staff: User, made: Booking) -> None:
    page = typed(visit, staff, "nor")
    expect(hits(page).first).to_be_visible()
    page.keyboard.press("Enter")
    expect(panel(page).get_by_role("heading", level=1)).to_be_focused()

    page.keyboard.press("Escape")

    expect(panel(page)).to_have_count(0)
    expect(field(page)).to_be_focused()
    expect(hits(page).first).to_be_visible()
    page.keyboard.press("Escape")
    expect(hits(page)).to_have_count(0)
    expect(field(page)).to_have_value("nor")


def test_enter_before_the_hits_have_come_opens_the_only_one(visit: Visit, staff: User, made: Booking) -> None:
    page = typed(visit, staff, "1030")

    page.keyboard.press("Enter")

    expect(panel(page).get_by_role("link", name="+49309011030")).to_be_visible()


def test_enter_before_the_hits_have_come_opens_none_of_several(visit: Visit, staff: User, made: Booking) -> None:
    page = typed(visit, staff, "nor")

    page.keyboard.press("Enter")

    expect(page.get_by_role("gridcell", selected=True)).to_contain_text("Nora Silva")
    expect(panel(page)).to_have_count(0)


def test_enter_after_two_letters_leads_to_the_search_page(visit: Visit, staff: User, made: Booking) -> None:
    page = typed(visit, staff, "no")

    page.keyboard.press("Enter")

    expect(page.locator("main")).to_contain_text("No customer found. Try three letters of a name")


def test_name_without_a_hit_starts_a_booking_under_that_name(visit: Visit, staff: User, made: Booking) -> None:
    page = typed(visit, staff, "Bo Li")
    expect(page.get_by_role("gridcell", name="New booking for “Bo Li”")).to_be_visible()

    page.keyboard.press("Enter")

    expect(panel(page).get_by_label("Name", exact=True)).to_have_value("Bo Li")
    expect(panel(page).get_by_label("Phone", exact=True)).to_be_focused()
    assert "Bo" not in page.url
    panel(page).get_by_role("button", name="Book", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Booked: Bo Li, 2 guests")


def test_each_pause_searches_once_and_an_old_answer_is_dropped(visit: Visit, staff: User, made: Booking) -> None:
    page = visit(staff, WEEK)
    waiting: list[Route] = []
    page.route("**/calendar/search/hits/", lambda route: waiting.append(route))
    page.keyboard.press("/")
    page.keyboard.type("nor", delay=40)
    page.wait_for_timeout(500)
    page.keyboard.type("bert", delay=40)
    page.wait_for_timeout(500)
    assert len(waiting) == 2

    waiting[1].continue_()
    expect(hits(page).first).to_contain_text("Norbert Abernathy")
    waiting[0].continue_()
    page.wait_for_timeout(200)

    expect(hits(page).filter(has_text="Nora")).to_have_count(0)


def test_what_was_typed_is_in_no_address_and_no_storage(visit: Visit, staff: User, made: Booking) -> None:
    page = visit(staff, WEEK)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.keyboard.press("/")
    page.keyboard.type("silva", delay=40)
    expect(hits(page).first).to_be_visible()
    page.keyboard.press("Enter")
    expect(panel(page)).to_contain_text("+49309011030")

    assert [url for url in sent if "silva" in url.lower() or "1030" in url] == []
    assert "silva" not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])").lower()


@pytest.mark.parametrize("width", [1280, 320])
def test_list_fits_the_window(visit: Visit, staff: User, made: Booking, width: int) -> None:
    page = typed(visit, staff, "nor", width)
    expect(hits(page).first).to_be_visible()

    box = page.locator(".live-hits").bounding_box()

    assert box
    assert (box["x"] >= 0, box["x"] + box["width"] <= width) == (True, True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_list_works_from_right_to_left(visit: Visit, staff: User, made: Booking) -> None:
    page = visit(staff, WEEK)
    page.evaluate("document.dir = 'rtl'")
    page.keyboard.press("/")
    page.keyboard.type("nora", delay=50)
    expect(hits(page).first).to_be_visible()
    box = page.locator(".live-hits").bounding_box()
    assert box
    assert (box["x"] >= 0, box["x"] + box["width"] <= 1280) == (True, True)

    page.keyboard.press("ArrowLeft")

    expect(page.get_by_role("gridcell", selected=True)).to_have_text("New booking")


def test_booking_of_another_station_opens_beside_this_calendar_and_survives_a_reload(
    visit: Visit, station: Station, staff: User
) -> None:
    bar = open_station(code="bar", name="Bar")
    staff.stations.add(bar)
    booking(bar, customer=NORA)
    page = typed(visit, staff, "nora")
    expect(hits(page).first).to_contain_text("Bar")

    page.keyboard.press("Enter")

    expect(panel(page).get_by_role("heading", level=1)).to_contain_text("Nora Silva")
    page.reload()
    expect(panel(page).get_by_role("heading", level=1)).to_contain_text("Nora Silva")
    expect(panel(page)).not_to_contain_text("+49309011030")
    expect(page.locator("[data-calendar]")).to_have_attribute("data-station", "kitchen")


def test_targets_of_the_list_are_large_enough_for_a_finger(visit: Visit, staff: User, made: Booking) -> None:
    page = visit(staff, WEEK, width=390, touch=True)
    field(page).tap()
    page.keyboard.type("nor", delay=40)
    expect(hits(page).first).to_be_visible()

    boxes = [one.bounding_box() for one in hits(page).all()]

    assert [box for box in boxes if not box or box["height"] < 44] == []


def test_caller_is_found_without_scripts(visit: Visit, staff: User, made: Booking) -> None:
    page = visit(staff, WEEK, scripts=False)
    field(page).fill("1030")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("listitem")).to_contain_text(["Nora Silva"])

    page.get_by_role("button", name="Open the next booking").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Nora Silva")
    expect(page.get_by_role("link", name="+49309011030")).to_be_visible()
    assert AuditEntry.objects.get(event="revealed").changes["found_by"] == [None, "phone"]


def test_booking_for_nobody_known_without_scripts(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, WEEK, scripts=False)
    field(page).fill("030 9011099")
    page.get_by_role("button", name="Find").click()

    page.get_by_role("button", name="New booking for").click()

    expect(page.get_by_label("Phone")).to_have_value("030 9011099")
    page.get_by_label("Name").fill("Bo Li")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.locator(".notice")).to_contain_text("Booked: Bo Li, 2 guests")


def test_customer_without_bookings_opens_a_new_one(visit: Visit, station: Station, staff: User) -> None:
    customer(station, "Zoe Zimmer", "zoe@example.com")
    page = typed(visit, staff, "zoe")
    expect(hits(page).first).to_contain_text("no bookings")

    page.keyboard.press("Enter")

    expect(panel(page).locator("[data-known-name]").first).to_have_text("Zoe Zimmer")


def test_search_over_the_limit_says_so_and_not_that_nobody_was_found(visit: Visit, staff: User, made: Booking) -> None:
    page = visit(staff, WEEK)
    refusal = '<p class="quiet">Too many searches. Try again in 7 seconds.</p>'
    page.route(
        re.compile("/calendar/search/hits/$"),
        lambda route: route.fulfill(status=429, content_type="text/html", body=refusal),
    )

    page.keyboard.press("/")
    page.keyboard.type("nor", delay=40)

    expect(page.locator(".live-hits")).to_have_text("Too many searches. Try again in 7 seconds.")
