"""The form of a new booking: short enough for a call, with returning customers by arrow keys, and warned of double ones."""

from datetime import time

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from accounts.customers import Contact
from accounts.models import User
from bookings.models import Booking
from stations.models import Station
from tests.browser.conftest import Visit
from tests.browser.test_calendar import WEEK, card, place
from tests.browser.test_panel import panel
from tests.factories import FRIDAY, SATURDAY, booking, customer

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

NORA = Contact("Nora Silva", "nora@example.com", "+49 30 9011030")
NEW = "/bookings/new/?station=kitchen&date=2031-03-08"


def size(page: Page, number: int) -> Locator:
    return page.get_by_role("radio", name=str(number), exact=True)


def choose_nora(page: Page) -> None:
    page.get_by_label("Phone", exact=True).press_sequentially("1030", delay=40)
    expect(page.get_by_role("option", name="Nora Silva")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("[data-known-name]").first).to_have_text("Nora Silva")


def test_form_in_the_panel_is_at_most_520_pixels_high(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, WEEK)
    page.keyboard.press("n")
    expect(panel(page).get_by_label("Phone", exact=True)).to_be_focused()

    box = panel(page).locator(".sheet, form").last.bounding_box()

    assert box
    assert box["y"] + box["height"] <= 56 + 520


def test_book_is_in_view_on_a_phone(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, WEEK, width=390, touch=True)
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("link", name="New booking", exact=True).tap()
    expect(panel(page).get_by_role("heading", level=1)).to_be_focused()

    expect(panel(page).get_by_role("button", name="Book", exact=True)).to_be_in_viewport(ratio=1)


def test_arrow_keys_reach_a_returning_customer_and_then_the_party_has_the_focus(
    visit: Visit, station: Station, staff: User
) -> None:
    booking(station, customer=NORA)
    page = visit(staff, NEW)

    choose_nora(page)

    expect(size(page, 2)).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.locator(".notice")).to_contain_text("Booked: Nora Silva, 3 guests")


def test_enter_takes_the_only_returning_customer_and_books_nothing(visit: Visit, station: Station, staff: User) -> None:
    booking(station, customer=NORA)
    page = visit(staff, NEW)
    page.get_by_label("Phone", exact=True).press_sequentially("1030", delay=40)
    expect(page.get_by_role("option", name="Nora Silva")).to_be_visible()

    page.keyboard.press("Enter")

    expect(page.locator("[data-known-name]").first).to_have_text("Nora Silva")
    assert Booking.objects.count() == 1


def test_enter_goes_to_the_first_of_several_returning_customers(visit: Visit, station: Station, staff: User) -> None:
    for name in ("Nora Silva", "Nora Lindqvist"):
        customer(station, name, f"{name[5:]}@example.com")
    page = visit(staff, NEW)
    page.get_by_label("Name", exact=True).press_sequentially("nora", delay=40)
    expect(page.get_by_role("option", name="Nora")).to_have_count(2)

    page.keyboard.press("Enter")

    expect(page.locator("[data-choice][aria-selected=true]")).to_have_count(1)
    assert Booking.objects.count() == 0
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text("Booked: nora")


def test_booking_at_that_time_is_shown_before_another_is_made(visit: Visit, station: Station, staff: User) -> None:
    booking(station, customer=NORA, party_adults=4)
    page = visit(staff, "/bookings/new/?station=kitchen&date=2031-03-07")
    page.get_by_label("Slot", exact=True).select_option("18:00")
    choose_nora(page)
    warning = "Nora Silva already has a booking at that time (Fri 7 Mar 18:00, 4 guests)."
    expect(page.locator("[data-checked]")).to_contain_text(warning)

    page.get_by_label("Slot", exact=True).select_option("19:00")
    expect(page.locator("[data-checked]")).not_to_contain_text("already")
    page.get_by_label("Slot", exact=True).select_option("18:00")
    expect(page.locator("[data-checked]")).to_contain_text(warning)
    page.get_by_role("button", name="Book", exact=True).click()

    expect(page.locator(".notice")).to_contain_text("Booked: Nora Silva")
    assert Booking.objects.filter(date=FRIDAY, slot=time(18)).count() == 2


def test_slot_chosen_while_those_of_another_day_load_stays_chosen(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, NEW)
    expect(page.get_by_role("combobox", name="Phone")).to_be_visible()
    page.get_by_label("Slot", exact=True).select_option("18:00")
    waiting: list[Route] = []
    page.route("**/bookings/new/?*slot=18*", lambda route: waiting.append(route))
    page.get_by_label("Date").last.fill("2031-03-07")
    page.get_by_label("Slot", exact=True).select_option("20:00")
    assert waiting

    with page.expect_response("**/bookings/new/?*"):
        waiting[0].continue_()

    page.wait_for_timeout(100)
    expect(page.get_by_label("Slot", exact=True)).to_have_value("20:00")


def test_booking_at_that_time_is_shown_without_scripts_after_the_first_click(
    visit: Visit, station: Station, staff: User
) -> None:
    booking(station, SATURDAY, time(17), customer=NORA, party_adults=4)
    page = visit(staff, NEW, scripts=False)
    page.get_by_label("Phone", exact=True).fill("030 9011030")
    page.get_by_label("Name", exact=True).fill("Nora Silva")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.locator("form")).to_contain_text(["Nora Silva already has a booking at that time"])
    assert Booking.objects.count() == 1

    page.get_by_role("button", name="Book", exact=True).click()

    expect(page.locator(".notice")).to_contain_text("Booked: Nora Silva")
    assert Booking.objects.count() == 2


def test_last_request_is_offered_and_taken_with_a_click(visit: Visit, station: Station, staff: User) -> None:
    booking(station, FRIDAY.replace(year=2025), customer=NORA, special_requests="Old request")
    booking(station, customer=NORA, special_requests="Window table")
    page = visit(staff, NEW)
    choose_nora(page)

    page.get_by_role("button", name="Use again").click()

    expect(page.get_by_label("Special requests")).to_have_value("Window table")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.locator(".notice")).to_contain_text("Booked: Nora Silva")
    assert Booking.objects.latest("created_at").special_requests == "Window table"


def test_large_party_takes_the_place_of_a_chip_and_the_other_way_round(
    visit: Visit, station: Station, staff: User
) -> None:
    page = visit(staff, NEW)
    expect(page.get_by_role("combobox", name="Phone")).to_be_visible()

    page.get_by_label("More guests").fill("12")
    expect(size(page, 2)).not_to_be_checked()
    size(page, 5).check()
    expect(page.get_by_label("More guests")).to_have_value("")
    page.get_by_label("More guests").fill("11")
    page.get_by_role("button", name="Book", exact=True).click()

    expect(page.locator(".notice")).to_contain_text("11 guests")


def test_book_again_fills_in_customer_party_and_the_same_time_a_week_later(
    visit: Visit, station: Station, staff: User
) -> None:
    made = booking(station, slot=time(19), customer=NORA, party_adults=5)
    page = visit(staff, WEEK)
    card(page, made).locator(".who").click()

    panel(page).get_by_role("link", name="Book again").click()

    expect(panel(page).locator("[data-known-name]").first).to_have_text("Nora Silva")
    expect(panel(page).get_by_label("Date")).to_have_value("2031-03-14")
    expect(panel(page).get_by_label("Slot", exact=True)).to_have_value("19:00")
    expect(size(page, 5)).to_be_focused()
    panel(page).get_by_role("button", name="Book", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Booked: Nora Silva, 5 guests")
    assert place(Booking.objects.latest("created_at")) == (FRIDAY.replace(day=14), time(19))
