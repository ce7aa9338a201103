"""The calendar in a real browser: dragging, refusing, undoing, and all of it without scripts."""

import re
from datetime import date, time

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings import services
from bookings.models import Booking
from bookings.services import Place
from stations.models import Station
from tests.browser.conftest import Visit
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking, open_station, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WEEK = "/calendar/week/?station=kitchen&date=2031-03-07"
MONTH = "/calendar/month/?station=kitchen&date=2031-03-07"


def card(page: Page, made: Booking) -> Locator:
    return page.locator(f'[data-booking-id="{made.pk}"]')


def cell(page: Page, day: date, slot: str | None = None) -> Locator:
    where = f'[data-drop-date="{day}"]' + (f'[data-drop-slot="{slot}"]' if slot else "")
    return page.locator(where)


def drag(page: Page, what: Locator, to: Locator, *, drop: bool = True) -> None:
    """As a hand does it: press, a few pixels, over to the middle of the target, let go."""
    what.scroll_into_view_if_needed()
    start, end = what.bounding_box(), to.bounding_box()
    assert start
    assert end
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(start["x"] + start["width"] / 2 + 12, start["y"] + start["height"] / 2 + 3, steps=3)
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2, steps=6)
    if drop:
        page.mouse.up()


def place(made: Booking) -> tuple[date, time]:
    made.refresh_from_db()
    return made.date, made.slot


def test_notice_leaves_no_empty_band_under_the_grid(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)

    drag(page, card(page, made), cell(page, SATURDAY, "20:00"))

    expect(page.get_by_role("status")).to_contain_text("Walk-in moved from")
    expect(cell(page, SATURDAY, "20:00").locator(f'[data-booking-id="{made.pk}"][data-version="2"]')).to_be_visible()
    bottoms = "['.scroll', '.scroll table'].map((at) => document.querySelector(at).getBoundingClientRect().bottom)"
    box, grid = page.evaluate(bottoms)
    assert box - grid < 2


def test_arrow_of_a_booking_under_the_mouse_hides_nothing_of_it(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, special_requests="By the window")
    page = visit(staff, WEEK)

    card(page, made).hover()

    expect(card(page, made).locator(".moveto")).to_be_visible()
    arrow = card(page, made).locator(".moveto").bounding_box()
    who = card(page, made).locator(".who").bounding_box()
    assert arrow
    assert who
    assert arrow["y"] >= who["y"] + who["height"] - 4
    page.mouse.move(0, 0)
    expect(card(page, made).locator(".moveto")).to_be_hidden()


def test_drag_in_the_week_saves_at_once_and_can_be_undone(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))
    page = visit(staff, WEEK)

    drag(page, card(page, made), cell(page, SATURDAY, "20:00"))

    expect(page.get_by_role("status")).to_contain_text("Ana García moved from 18:00, Fri 7 Mar to 20:00, Sat 8 Mar.")
    expect(cell(page, SATURDAY, "20:00").locator(f'[data-booking-id="{made.pk}"][data-version="2"]')).to_be_visible()
    assert place(made) == (SATURDAY, time(20))
    assert AuditEntry.objects.get(event="rescheduled").channel == "page"
    assert page.url.endswith(WEEK)

    page.get_by_role("button", name="Undo").click()

    expect(cell(page, FRIDAY, "18:00").locator("[data-booking-id]")).to_be_visible()
    assert place(made) == (FRIDAY, time(18))


def test_drag_in_the_month_keeps_the_slot(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, MONTH)

    drag(page, card(page, made), cell(page, date(2031, 3, 12)))

    expect(cell(page, date(2031, 3, 12)).locator("[data-booking-id]")).to_be_visible()
    assert place(made) == (date(2031, 3, 12), time(18))


def test_drag_of_a_long_booking_spans_its_slots_where_it_lands(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, slot=time(17), slots=3)
    page = visit(staff, WEEK)

    drag(page, card(page, made), cell(page, SATURDAY, "19:00"))

    expect(page.locator('[data-booking-id][data-version="2"]')).to_be_visible()
    shown, first, last = (
        one.bounding_box() for one in (card(page, made), cell(page, SATURDAY, "19:00"), cell(page, SATURDAY, "21:00"))
    )
    assert shown
    assert first
    assert last
    assert shown["y"] >= first["y"]
    assert shown["y"] + shown["height"] > last["y"]


def test_drop_into_a_full_slot_puts_the_booking_back_and_says_why(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    for _n in range(3):
        booking(station, SATURDAY)
    page = visit(staff, WEEK)

    drag(page, card(page, made), cell(page, SATURDAY, "18:00"))

    expect(page.get_by_role("alert")).to_contain_text("Target time slot is fully booked")
    expect(cell(page, FRIDAY, "18:00").locator(f'[data-booking-id="{made.pk}"]')).to_be_visible()
    assert place(made) == (FRIDAY, time(18))


def test_drop_on_a_closed_slot_says_the_reason(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    ExceptionFactory(station=station, date=SATURDAY, reason="Stocktaking")
    page = visit(staff, WEEK)

    drag(page, card(page, made), cell(page, SATURDAY, "18:00"))

    expect(page.get_by_role("alert")).to_contain_text("closed: Stocktaking")


def test_drop_of_what_somebody_moved_meanwhile_says_who_and_where(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    other = person(roles.STAFF, station, email="sam@example.com")
    services.reschedule(made.pk, to=Place(SATURDAY, time(20)), by=other)

    drag(page, card(page, made), cell(page, SATURDAY, "17:00"))

    expect(page.get_by_role("alert")).to_contain_text("sam@example.com has changed this booking")
    expect(page.get_by_role("alert")).to_contain_text("→ Sat 8 Mar 2031 20:00")
    expect(cell(page, SATURDAY, "20:00").locator(f'[data-booking-id="{made.pk}"]')).to_be_visible()
    assert place(made) == (SATURDAY, time(20))


def test_drag_that_is_let_go_outside_or_cut_off_changes_nothing(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)

    drag(page, card(page, made), page.locator("h1"))
    drag(page, card(page, made), cell(page, SATURDAY, "18:00"), drop=False)
    page.keyboard.press("Escape")
    page.mouse.up()

    expect(page.locator(".drag-ghost")).to_have_count(0)
    assert place(made) == (FRIDAY, time(18))
    assert page.url.endswith(WEEK)


def test_drag_while_the_server_is_away_says_so(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    page.route("**/move/", lambda route: route.abort())

    drag(page, card(page, made), cell(page, SATURDAY, "18:00"))

    expect(page.get_by_role("alert")).to_contain_text("The server could not be reached. Nothing was saved")


def test_displaced_booking_is_dragged_to_a_place(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    made.holds.all().delete()
    Booking.objects.update(needs_place=True)
    page = visit(staff, WEEK)

    drag(page, card(page, made), cell(page, FRIDAY, "19:00"))

    expect(cell(page, FRIDAY, "19:00").locator("[data-booking-id]")).to_be_visible()
    made.refresh_from_db()
    assert not made.needs_place


def test_viewer_drags_nothing(visit: Visit, station: Station) -> None:
    made = booking(station)
    page = visit(person(roles.VIEWERS, station), WEEK)

    drag(page, card(page, made), cell(page, SATURDAY, "18:00"))

    expect(page.locator(".drag-ghost")).to_have_count(0)
    assert place(made) == (FRIDAY, time(18))


def test_move_to_without_scripts(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK, scripts=False)

    card(page, made).hover()
    card(page, made).get_by_role("link", name="Move to…").click()
    page.get_by_label("Date").fill("2031-03-08")
    page.get_by_role("button", name="Show slots").click()
    page.get_by_role("button", name="20:00").click()

    expect(page.get_by_role("status")).to_contain_text("Walk-in moved from 18:00, Fri 7 Mar to 20:00, Sat 8 Mar.")
    assert place(made) == (SATURDAY, time(20))
    page.get_by_role("button", name="Undo").click()
    assert place(made) == (FRIDAY, time(18))


def test_new_booking_from_a_free_cell(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, WEEK)

    cell(page, SATURDAY, "19:00").get_by_role("link", name="New booking on Saturday 8 March at 19:00").click()
    page.get_by_role("radio", name="4", exact=True).check()
    page.get_by_label("Name", exact=True).fill("Ana García")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Email").fill("ana@example.com")
    page.get_by_role("button", name="Book", exact=True).click()

    expect(page.get_by_role("status")).to_contain_text("Booked: Ana García, 4 guests, Sat 8 Mar 19:00.")
    made = Booking.objects.get()
    assert (place(made), made.party_adults) == ((SATURDAY, time(19)), 4)
    expect(card(page, made)).to_contain_text("Ana García")


def test_switching_station_date_and_status_is_one_choice_and_stands_in_the_address(
    visit: Visit, station: Station, staff: User
) -> None:
    other = open_station(code="court", name="Court")
    staff.stations.add(other)
    page = visit(staff, WEEK)

    page.get_by_label("Station").select_option("court")
    expect(page).to_have_url(re.compile("station=court"))
    page.get_by_label("Status").select_option("pending")
    expect(page).to_have_url(re.compile("station=court&date=2031-03-07&status=pending"))
    page.go_back()
    expect(page).to_have_url(re.compile("status=$"))
    page.get_by_role("link", name="Month").click()
    expect(page).to_have_url(re.compile("/calendar/month/.*station=court"))


@pytest.mark.looks
def test_admin_runs_under_the_strict_policy(visit: Visit, station: Station) -> None:
    made = booking(station)
    manager, mate = person(roles.MANAGERS, station), person(roles.STAFF, station)
    for address in (
        "/admin/",
        "/admin/bookings/booking/",
        f"/admin/bookings/booking/{made.pk}/change/",
        "/admin/accounts/user/add/",
        f"/admin/accounts/user/{mate.pk}/change/",
        "/admin/accounts/customer/",
        "/admin/accounts/auditentry/",
        "/admin/stations/station/",
        f"/admin/stations/station/{station.pk}/change/",
    ):
        page = visit(manager, address)
        expect(page.locator("#content")).to_be_visible()
