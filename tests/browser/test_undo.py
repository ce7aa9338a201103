"""Undo and redo in a real browser: keys, buttons, the question before something unseen is changed; by finger, without scripts."""

import re
from datetime import date, time

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.customers import Contact
from accounts.models import User
from bookings.models import Booking
from stations.models import Station
from tests.browser.conftest import Visit, too_narrow
from tests.browser.test_calendar import WEEK, card, cell, drag, place
from tests.factories import FRIDAY, SATURDAY, booking

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

LEO, LILY = Contact("Leo Lindqvist", "leo@example.com"), Contact("Lily Chen", "lily@example.com")


def panel(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Booking")


def status(page: Page) -> Locator:
    return page.get_by_role("status")


def dragged(page: Page, made: Booking, day: date, slot: str) -> None:
    drag(page, card(page, made), cell(page, day, slot))
    expect(cell(page, day, slot).locator(f'[data-booking-id="{made.pk}"]')).to_be_visible()


def cancel(page: Page) -> None:
    page.locator(".more-actions summary").click()
    page.get_by_role("button", name="Cancel booking").click()


def test_ctrl_z_after_a_cancellation_restores_that_guest(visit: Visit, station: Station, staff: User) -> None:
    """As at a desk: an older move must stay, whatever day it was on."""
    george, leo = booking(station), booking(station, SATURDAY, customer=LEO)
    page = visit(staff, WEEK)
    dragged(page, george, FRIDAY, "20:00")
    card(page, leo).locator(".who").click()
    cancel(page)
    expect(status(page)).to_contain_text("Cancelled: Leo Lindqvist, 18:00, Sat 8 Mar.")
    expect(page.get_by_role("button", name="Undo: cancel Leo Lindqvist")).to_be_visible()

    page.keyboard.press("Control+z")

    expect(status(page)).to_contain_text("Undone: Leo Lindqvist is confirmed again.")
    expect(page.locator(f'[data-calendar] [data-booking-id="{leo.pk}"][data-status="confirmed"]')).to_be_visible()
    expect(panel(page).locator("[data-detail-id]")).to_have_attribute("data-status", "confirmed")
    expect(panel(page).get_by_role("heading", level=1)).to_be_focused()
    assert place(george) == (FRIDAY, time(20))


def test_ctrl_z_after_an_edit_and_keys_that_redo_it(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, customer=LEO, party_adults=2)
    page = visit(staff, WEEK)
    card(page, made).locator(".who").click()
    panel(page).get_by_role("link", name="Edit").click()
    panel(page).get_by_label("Adults").fill("5")
    panel(page).get_by_role("button", name="Save").click()
    expect(status(page)).to_contain_text("Leo Lindqvist: Party changed from 2 to 5.")

    for keys, adults in (("Control+z", 2), ("Control+y", 5), ("Control+z", 2), ("Control+Shift+z", 5)):
        page.keyboard.press(keys)
        expect(panel(page)).to_contain_text(f"{adults} adults")
        made.refresh_from_db()
        assert made.party_adults == adults


def test_ctrl_z_after_a_new_booking_cancels_it(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, WEEK)
    cell(page, SATURDAY, "19:00").get_by_role("link", name="New booking").click()
    page.get_by_label("Name", exact=True).fill("Nora Silva")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Email").fill("nora@example.com")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(status(page)).to_contain_text("Booked: Nora Silva, 2 guests, Sat 8 Mar 19:00.")

    page.keyboard.press("Control+z")

    expect(status(page)).to_contain_text("Undone: the booking of Nora Silva, 19:00, Sat 8 Mar, is cancelled.")
    assert Booking.objects.get().status == "cancelled"


def test_ctrl_z_after_a_reseating_leaves_the_guest_unassigned_again(
    visit: Visit, station: Station, staff: User
) -> None:
    other, lost = booking(station), booking(station, customer=LILY)
    lost.holds.all().delete()
    Booking.objects.filter(pk=lost.pk).update(needs_place=True)
    page = visit(staff, WEEK)
    dragged(page, other, FRIDAY, "20:00")
    dragged(page, lost, SATURDAY, "20:00")

    page.keyboard.press("Control+z")

    expect(status(page)).to_contain_text("Undone: Lily Chen is unassigned again.")
    expect(page.locator(f'[data-displaced] [data-booking-id="{lost.pk}"]')).to_be_visible()
    assert place(other) == (FRIDAY, time(20))


def test_buttons_undo_and_redo_and_say_whom(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, customer=LILY)
    page = visit(staff, WEEK)
    dragged(page, made, FRIDAY, "20:00")

    status(page).get_by_role("button", name="Undo: move Lily Chen").click()
    expect(status(page)).to_contain_text("Undone: Lily Chen is back at 18:00, Fri 7 Mar.")
    status(page).get_by_role("button", name="Redo: move Lily Chen").click()
    expect(status(page)).to_contain_text("Lily Chen moved from 18:00 to 20:00, Fri 7 Mar.")

    expect(status(page).get_by_role("button", name="Undo: move Lily Chen")).to_be_focused()
    assert place(made) == (FRIDAY, time(20))


@pytest.mark.parametrize(("width", "touch"), [(1280, False), (320, True)])
def test_undo_of_what_another_week_shows_asks_first(
    visit: Visit, station: Station, staff: User, width: int, touch: bool
) -> None:
    made = booking(station, customer=LILY)
    page = visit(staff, WEEK, width=width, touch=touch)
    card(page, made).locator(".who").click()
    panel(page).get_by_role("button", name="Fri 7 Mar 20:00").click()
    expect(status(page)).to_contain_text("Lily Chen moved from 18:00 to 20:00, Fri 7 Mar.")
    page.goto(page.url.partition("/calendar/")[0] + "/calendar/week/?station=kitchen&date=2031-03-14")

    page.keyboard.press("Control+z")
    dialog = page.get_by_role("dialog", name="Undo: move Lily Chen from 20:00 to 18:00, Fri 7 Mar?")
    expect(dialog).to_be_visible()
    assert too_narrow(page) == []
    dialog.get_by_role("button", name="Keep it as it is").click()
    expect(dialog).to_have_count(0)
    assert place(made) == (FRIDAY, time(20))
    page.keyboard.press("Control+z")
    expect(dialog.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")

    expect(status(page)).to_contain_text("Undone: Lily Chen is back at 18:00, Fri 7 Mar.")
    expect(dialog).to_have_count(0)
    assert place(made) == (FRIDAY, time(18))


def test_escape_leaves_everything_as_it_is(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, customer=LILY)
    page = visit(staff, WEEK)
    dragged(page, made, FRIDAY, "20:00")
    page.goto(page.url.replace("2031-03-07", "2031-03-14"))
    page.keyboard.press("Control+z")
    expect(page.get_by_role("dialog")).to_be_visible()

    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    assert place(made) == (FRIDAY, time(20))


def test_ctrl_z_on_another_bookings_page_asks_first(visit: Visit, station: Station, staff: User) -> None:
    moved, other = booking(station, customer=LILY), booking(station)
    page = visit(staff, WEEK)
    dragged(page, moved, FRIDAY, "20:00")
    page.goto(page.url.partition("/calendar/")[0] + f"/bookings/{other.pk}/")

    page.keyboard.press("Control+z")
    expect(page.get_by_role("heading", level=1)).to_have_text("Undo: move Lily Chen from 20:00 to 18:00, Fri 7 Mar?")
    assert place(moved) == (FRIDAY, time(20))
    page.get_by_role("button", name="Undo", exact=True).click()

    expect(page).to_have_url(re.compile(f"/bookings/{other.pk}/$"))
    expect(status(page)).to_contain_text("Undone: Lily Chen is back at 18:00, Fri 7 Mar.")
    assert place(moved) == (FRIDAY, time(18))


def test_undo_of_the_booking_in_the_panel_does_not_ask_in_any_week(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, customer=LILY)
    page = visit(staff, WEEK.replace("03-07", "03-14") + f"&booking={made.pk}")
    panel(page).get_by_role("button", name="Completed").click()
    expect(status(page)).to_contain_text("Lily Chen is marked as completed.")

    page.keyboard.press("Control+z")

    expect(status(page)).to_contain_text("Undone: Lily Chen is confirmed again.")


def test_another_tab_undoes_what_this_one_did(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, customer=LILY)
    page = visit(staff, WEEK)
    second = page.context.new_page()
    second.goto(page.url)
    dragged(page, made, FRIDAY, "20:00")

    second.keyboard.press("Control+z")

    expect(status(second)).to_contain_text("Undone: Lily Chen is back at 18:00, Fri 7 Mar.")
    page.get_by_role("button", name="Undo: move Lily Chen").click()
    expect(status(page)).to_contain_text("Undone: Lily Chen is back at 18:00, Fri 7 Mar.")
    assert Booking.objects.get().version == 3


def test_held_keys_undo_once(visit: Visit, station: Station, staff: User) -> None:
    first, second = booking(station), booking(station, slot=time(19))
    page = visit(staff, WEEK)
    dragged(page, first, SATURDAY, "20:00")
    dragged(page, second, SATURDAY, "21:00")

    page.keyboard.down("Control")
    for _repeat in range(3):
        page.keyboard.down("z")
    page.keyboard.up("z")
    page.keyboard.up("Control")

    expect(cell(page, FRIDAY, "19:00").locator("[data-booking-id]")).to_be_visible()
    assert place(first) == (SATURDAY, time(20))


def test_ctrl_z_in_a_field_is_the_fields(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    dragged(page, made, FRIDAY, "20:00")

    page.get_by_placeholder("Name, email or phone").press_sequentially("lily")
    page.keyboard.press("Control+z")

    expect(status(page)).to_contain_text("Walk-in moved")
    assert place(made) == (FRIDAY, time(20))


@pytest.mark.parametrize("touch", [False, True])
def test_list_of_last_changes_is_found_and_undoes_the_last(
    visit: Visit, station: Station, staff: User, touch: bool
) -> None:
    made = booking(station, customer=LEO)
    page = visit(staff, WEEK, width=320 if touch else 1280, touch=touch)
    card(page, made).locator(".who").click()
    panel(page).get_by_role("button", name="Completed").click()
    expect(status(page)).to_contain_text("Leo Lindqvist is marked as completed.")
    page.get_by_role("link", name="Close").click()

    page.get_by_role("button", name="Account of").click()
    page.get_by_role("link", name="Your last changes").click()
    assert too_narrow(page) == []
    page.get_by_role("button", name="Undo: mark Leo Lindqvist as completed").click()

    expect(status(page)).to_contain_text("Undone: Leo Lindqvist is confirmed again.")
    expect(page.get_by_role("button", name="Redo: mark Leo Lindqvist as completed")).to_have_count(2)
    made.refresh_from_db()
    assert made.status == "confirmed"


def test_undo_and_redo_without_scripts(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, customer=LEO)
    page = visit(staff, f"{WEEK}&booking={made.pk}", scripts=False)
    cancel(page)
    page.get_by_role("button", name="Undo: cancel Leo Lindqvist").click()
    expect(status(page)).to_contain_text("Undone: Leo Lindqvist is confirmed again.")
    page.get_by_role("button", name="Redo: cancel Leo Lindqvist").click()
    expect(status(page)).to_contain_text("Cancelled: Leo Lindqvist, 18:00, Fri 7 Mar.")
    page.get_by_role("button", name="Undo: cancel Leo Lindqvist").click()

    page.goto(page.url.partition("/bookings/")[0] + WEEK)
    page.get_by_role("button", name="Account of").click()
    page.get_by_role("link", name="Your last changes").click()
    page.get_by_role("button", name="Redo: cancel Leo Lindqvist").click()

    made.refresh_from_db()
    assert made.status == "cancelled"


@pytest.mark.parametrize(
    ("language", "notice", "undo", "undone"),
    [
        ("es", "Lily Chen pasó de 18:00 a 20:00", "Deshacer: mover a Lily Chen", "Deshecho: Lily Chen vuelve a 18:00"),
        (
            "de",
            "Lily Chen wurde von 18:00",
            "Rückgängig: Lily Chen verschieben",
            "gemacht: Lily Chen ist wieder um 18:00",
        ),
    ],
)
def test_undo_in_the_readers_language(
    visit: Visit, station: Station, staff: User, language: str, notice: str, undo: str, undone: str
) -> None:
    made = booking(station, customer=LILY)
    page = visit(staff, WEEK, language=language)
    dragged(page, made, FRIDAY, "20:00")
    expect(status(page)).to_contain_text(notice)

    page.get_by_role("button", name=undo).click()

    expect(status(page)).to_contain_text(undone)
    assert place(made) == (FRIDAY, time(18))
