"""The keyboard alone: bookings picked up, walked and dropped, the panel worked, and one key for each thing."""

import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
from playwright.sync_api import Page, expect

from accounts.customers import Contact
from accounts.models import User
from bookings.models import Booking
from stations.models import Station
from stations.timetable import local_now
from tests.browser.conftest import Visit
from tests.browser.test_calendar import MONTH, WEEK, card, cell, place
from tests.factories import FRIDAY, SATURDAY, booking, bookings

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

STEPS = "[data-announcements]"


def press(page: Page, key: str) -> None:
    """A key, once the page that the one before led to listens."""
    page.wait_for_load_state("load")
    page.keyboard.press(key)


@pytest.mark.parametrize(("key", "width"), [("Space", 1280), ("Enter", 768), ("Space", 320)])
def test_keyboard_picks_up_walks_and_drops(visit: Visit, station: Station, staff: User, key: str, width: int) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))
    booking(station, SATURDAY, slot=time(19))
    page = visit(staff, WEEK, width=width)

    card(page, made).locator(".who").focus()
    page.keyboard.press("Space")
    expect(page.locator(STEPS)).to_contain_text(re.compile("Ana García picked up|Friday 18:00, current slot"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator(STEPS)).to_have_text("Saturday 19:00, 1 of 3 taken")
    page.keyboard.press(key)

    expect(page.get_by_role("status")).to_contain_text("Ana García moved from 18:00, Fri 7 Mar to 19:00, Sat 8 Mar.")
    assert place(made) == (SATURDAY, time(19))
    expect(card(page, made).locator(".who")).to_be_focused()


def test_arrow_keys_walk_the_bookings_of_the_grid_which_is_one_tab_stop(
    visit: Visit, station: Station, staff: User
) -> None:
    ana = booking(station, customer=Contact("Ana García"))
    bo = booking(station, SATURDAY, customer=Contact("Bo Li"))
    page = visit(staff, WEEK)
    expect(page.locator('.scroll :is(.who, .add)[tabindex="0"]')).to_have_count(1)

    card(page, ana).locator(".who").focus()
    press(page, "ArrowRight")
    expect(card(page, bo).locator(".who")).to_be_focused()
    press(page, "ArrowUp")
    expect(cell(page, SATURDAY, "18:00").locator(".add")).to_be_focused()
    press(page, "ArrowDown")
    press(page, "Enter")

    panel = page.get_by_role("complementary", name="Booking")
    expect(panel.get_by_role("heading", name="Bo Li")).to_be_focused()


def test_arrow_key_beyond_the_edge_of_the_grid_turns_the_page(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, WEEK)
    page.locator(".scroll .add").last.focus()

    press(page, "ArrowRight")

    expect(page).to_have_url(re.compile("date=2031-03-09"))


def test_keyboard_walks_the_days_of_a_month(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, MONTH)

    card(page, made).focus()
    for key in ("Space", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowDown", "Space"):
        page.keyboard.press(key)

    expect(cell(page, date(2031, 3, 13)).locator("[data-booking-id]")).to_be_visible()
    assert place(made) == (date(2031, 3, 13), time(18))


@pytest.mark.parametrize(("kind", "arrow", "there"), [("day", "ArrowDown", FRIDAY), ("agenda", "ArrowRight", SATURDAY)])
def test_keyboard_walks_the_day_and_the_agenda(
    visit: Visit, station: Station, staff: User, kind: str, arrow: str, there: date
) -> None:
    made = booking(station)
    page = visit(staff, WEEK.replace("week", kind), width=320)

    card(page, made).focus()
    for key in ("Space", arrow, "Space"):
        press(page, key)

    expect(page.locator('[data-booking-id][data-version="2"]')).to_be_visible()
    assert place(made) == (there, time(19 if kind == "day" else 18))


def test_keyboard_is_told_the_rule_that_forbids_a_place(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    bookings(3, station, SATURDAY)
    page = visit(staff, WEEK)

    card(page, made).focus()
    for key in ("Space", "ArrowRight"):
        press(page, key)
    expect(page.locator(STEPS)).to_have_text("Saturday 18:00: Target time slot is fully booked")
    press(page, "Space")

    expect(page.get_by_role("alert")).to_contain_text("Target time slot is fully booked")
    expect(card(page, made)).to_be_focused()
    assert place(made) == (FRIDAY, time(18))


def test_keyboard_begins_with_today_where_the_booking_stands_beside_the_grid(
    visit: Visit, station: Station, staff: User
) -> None:
    made, today = displaced_elsewhere(station)
    page = visit(staff, "/calendar/week/?station=kitchen")

    page.get_by_text("1 unassigned").click()
    card(page, made).focus()
    press(page, "Space")

    expect(page.locator(".over")).to_have_attribute("data-drop-date", today.isoformat())


def displaced_elsewhere(station: Station) -> tuple[Booking, date]:
    """A booking of another week that lost its place; and today, which is made the last day of its week."""
    today = local_now(station, datetime.now(UTC)).date()
    Station.objects.update(first_weekday=(today.weekday() + 1) % 7)
    made = booking(station, today + timedelta(days=30))
    made.holds.all().delete()
    Booking.objects.update(needs_place=True)
    return made, today


def test_today_is_in_sight_where_the_week_is_wider_than_the_window(visit: Visit, station: Station, staff: User) -> None:
    displaced_elsewhere(station)
    page = visit(staff, "/calendar/week/?station=kitchen", width=320)

    expect(page.locator("thead .today .daynumber")).to_be_in_viewport(ratio=1)
    page.goto(page.url.replace("week", "agenda"))
    expect(page.locator(".agenda .today h2")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("key", ["Escape", "Tab"])
def test_keyboard_puts_it_back(visit: Visit, station: Station, staff: User, key: str) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))
    page = visit(staff, WEEK)

    card(page, made).focus()
    for one in ("Space", "ArrowRight", key):
        page.keyboard.press(one)

    expect(page.locator(STEPS)).to_have_text("Ana García put back.")
    expect(page.locator(".over, .is-dragged, .move-option")).to_have_count(0)
    assert place(made) == (FRIDAY, time(18))


def test_keyboard_carries_a_booking_to_the_next_week(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)

    card(page, made).focus()
    for key in ("Space", "PageDown", "Space"):
        page.keyboard.press(key)

    expect(page).to_have_url(re.compile("date=2031-03-09"))
    expect(cell(page, date(2031, 3, 14), "18:00").locator("[data-booking-id]")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 320])
def test_notice_stays_and_undo_is_reached_by_keyboard(visit: Visit, station: Station, staff: User, width: int) -> None:
    made = booking(station)
    page = visit(staff, WEEK, width=width)
    card(page, made).focus()
    for key in ("Space", "ArrowDown", "Space"):
        press(page, key)
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    with page.expect_response("**/calendar/week/**"):
        page.evaluate("window.dispatchEvent(new Event('online'))")

    page.locator(".skip").focus()
    press(page, "Enter")
    press(page, "Tab")
    expect(undo).to_be_focused()
    press(page, "Enter")

    expect(page.get_by_role("status")).to_contain_text("Undone: Walk-in is back at 18:00, Fri 7 Mar.")
    assert place(made) == (FRIDAY, time(18))
    expect(page.get_by_role("button", name="Redo: move Walk-in")).to_be_focused()
    press(page, "Enter")

    expect(page.get_by_role("status")).to_contain_text("Walk-in moved from 18:00 to 19:00, Fri 7 Mar.")
    assert place(made) == (FRIDAY, time(19))


def test_notice_can_be_closed(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    card(page, made).focus()
    for key in ("Space", "ArrowDown", "Space"):
        press(page, key)

    page.get_by_role("status").get_by_role("button", name="Close").press("Enter")

    expect(page.get_by_role("status")).to_be_empty()
    expect(page.locator("main")).to_be_focused()


def test_panel_is_worked_by_keyboard_alone(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, customer=Contact("Ana García"))
    page = visit(staff, WEEK)
    panel = page.get_by_role("complementary", name="Booking")

    card(page, made).locator(".who").focus()
    press(page, "Enter")
    expect(panel.get_by_role("heading", name="Ana García")).to_be_focused()
    panel.get_by_role("button", name="Completed").focus()
    press(page, "Enter")
    expect(page.get_by_role("status")).to_contain_text("Ana García is marked as completed.")
    expect(panel.get_by_role("heading", name="Ana García")).to_be_focused()
    press(page, "Escape")

    expect(panel).to_have_count(0)
    expect(card(page, made).locator(".who")).to_be_focused()


def test_keys_do_what_the_sheet_lists(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, WEEK)

    press(page, "?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_be_visible()
    listed = sheet.locator("dt:has(kbd:text-matches('^[a-z?/]$')) kbd").all_inner_texts()
    assert {*page.locator("[data-key]").evaluate_all("all => all.map((one) => one.dataset.key)")} - {*listed} == {
        "ArrowLeft",
        "ArrowRight",
    }
    press(page, "Escape")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()
    press(page, "m")
    expect(page).to_have_url(re.compile("/calendar/month/.*date=2031-03-07"))
    press(page, "w")
    expect(page).to_have_url(re.compile("/calendar/week/"))
    press(page, "ArrowRight")
    expect(page).to_have_url(re.compile("date=2031-03-09"))
    press(page, "ArrowLeft")
    expect(page).to_have_url(re.compile("date=2031-03-02"))
    press(page, "t")
    expect(page).to_have_url(re.compile(f"date={local_now(station, datetime.now(UTC)).date()}"))
    press(page, "/")
    expect(page.get_by_placeholder("Name, email or phone")).to_be_focused()
    page.keyboard.type("two moons")
    expect(page.get_by_placeholder("Name, email or phone")).to_have_value("two moons")
    page.locator("main").focus()
    press(page, "n")
    expect(page.get_by_label("Phone", exact=True)).to_be_focused()


def test_single_keys_can_be_turned_off(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, WEEK)

    page.get_by_role("button", name="Account of").click()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Single-key shortcuts are on").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("m")

    expect(page).to_have_url(re.compile("/calendar/week/"))


@pytest.mark.parametrize("where", ["select[name=status]", "input[name=date]", "input[type=search]"])
def test_keys_are_never_taken_from_a_field(visit: Visit, station: Station, staff: User, where: str) -> None:
    page = visit(staff, WEEK)
    page.wait_for_load_state("load")
    page.locator(where).focus()

    for key in ("m", "?", "/"):
        press(page, key)

    expect(page.locator(where)).to_be_focused()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.url.endswith(WEEK)
