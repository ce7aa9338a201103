"""Forms with scripts: sent once, kept while nobody is signed in, on a reload and on Back, and readable to their person alone."""

import re

import pytest
from playwright.sync_api import Dialog, Page, expect

from accounts import roles
from accounts.customers import Contact
from accounts.models import Session, User
from bookings.models import Booking
from bookings.models.status import Status
from stations.models import Station
from tests.browser.conftest import Visit
from tests.browser.test_calendar import WEEK
from tests.browser.test_panel import opened, panel
from tests.factories import PASSWORD, booking, person

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

NEW = "/bookings/new/?station=kitchen&date=2031-03-07"


def sign_in(page: Page, user: User) -> None:
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/calendar/"))


def sign_in_again(page: Page, user: User) -> Page:
    """By the link beside what was typed, which opens another tab."""
    with page.expect_popup() as opening:
        page.get_by_role("link", name="Sign in again").click()
    sign_in(opening.value, user)
    return opening.value


def half_typed(visit: Visit, staff: User) -> Page:
    page = visit(staff, WEEK)
    page.get_by_role("link", name="New booking", exact=True).click()
    panel(page).get_by_label("Name").fill("Leo Lindqvist")
    return page


def wait_for_draft(page: Page) -> None:
    for _try in range(100):
        if page.evaluate("sessionStorage.length"):
            return
        page.wait_for_timeout(50)
    raise AssertionError("nothing is kept")


def come_back(page: Page) -> None:
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


@pytest.mark.parametrize("scripts", [True, False])
def test_book_clicked_twice_makes_one_booking(visit: Visit, station: Station, staff: User, scripts: bool) -> None:
    page = visit(staff, NEW, scripts=scripts)
    page.get_by_label("Name").fill("Leo Lindqvist")

    page.get_by_role("button", name="Book").dblclick(no_wait_after=True)

    expect(page.locator(".notice")).to_contain_text("Booked: Leo Lindqvist")
    assert Booking.objects.count() == 1


def test_book_clicked_twice_in_the_panel_makes_one_booking(visit: Visit, station: Station, staff: User) -> None:
    page = half_typed(visit, staff)

    panel(page).get_by_role("button", name="Book").dblclick()

    expect(page.locator(".notice")).to_contain_text("Booked: Leo Lindqvist")
    assert Booking.objects.count() == 1


def test_signed_out_in_another_tab_the_text_stays_and_is_saved_after_sign_in(
    visit: Visit, station: Station, staff: User
) -> None:
    page = half_typed(visit, staff)
    Session.objects.all().delete()
    come_back(page)
    expect(page.get_by_role("alert")).to_contain_text("You've been signed out. Nothing you typed is lost.")
    expect(panel(page).get_by_label("Name")).to_have_value("Leo Lindqvist")

    sign_in_again(page, staff)
    come_back(page)
    expect(page.get_by_role("link", name="Sign in again")).to_have_count(0)
    panel(page).get_by_role("button", name="Book").click()

    expect(page.locator(".notice")).to_contain_text("Booked: Leo Lindqvist")


def test_booking_sent_when_signed_out_stays_in_the_panel(visit: Visit, station: Station, staff: User) -> None:
    page = half_typed(visit, staff)
    Session.objects.all().delete()

    panel(page).get_by_role("button", name="Book").click()

    expect(page.get_by_role("link", name="Sign in again")).to_be_visible()
    expect(panel(page).get_by_label("Name")).to_have_value("Leo Lindqvist")
    sign_in_again(page, staff)
    panel(page).get_by_role("button", name="Book").click()
    expect(page.locator(".notice")).to_contain_text("Booked: Leo Lindqvist")
    assert Booking.objects.count() == 1


def test_somebody_else_who_signs_in_finds_nothing_that_was_typed(visit: Visit, station: Station, staff: User) -> None:
    other = person(roles.STAFF, station)
    page = half_typed(visit, staff)
    page.wait_for_timeout(500)
    Session.objects.all().delete()
    come_back(page)

    sign_in_again(page, other)
    come_back(page)

    expect(panel(page)).to_have_count(0)
    page.get_by_role("link", name="New booking", exact=True).click()
    expect(panel(page).get_by_label("Name")).to_have_value("")


def test_what_was_typed_is_back_after_a_reload_and_is_not_in_clear(visit: Visit, station: Station, staff: User) -> None:
    page = half_typed(visit, staff)
    wait_for_draft(page)
    assert "Lindqvist" not in page.evaluate(
        "JSON.stringify({...sessionStorage, ...localStorage}) + JSON.stringify(history.state)"
    )

    page.reload()
    page.get_by_role("link", name="New booking", exact=True).click()

    expect(panel(page).get_by_label("Name")).to_have_value("Leo Lindqvist")
    expect(page.get_by_role("status")).to_contain_text("Your unsaved input has been restored. It is not saved yet.")


def test_what_was_typed_on_a_page_of_its_own_is_back_on_back(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, NEW)
    page.get_by_label("Name").fill("Leo Lindqvist")
    wait_for_draft(page)

    page.goto(page.url.replace(NEW, "/accounts/me/"))
    page.go_back()

    expect(page.get_by_label("Name")).to_have_value("Leo Lindqvist")


def test_signing_out_wipes_what_was_typed(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, NEW)
    page.get_by_label("Name").fill("Leo Lindqvist")
    wait_for_draft(page)
    page.goto(page.url.replace(NEW, "/accounts/me/"))

    page.get_by_role("button", name="Sign out", exact=True).click()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.evaluate("Object.keys(sessionStorage)") == []


def test_another_booking_is_not_opened_over_what_was_typed_unasked(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, customer=Contact("Nora Silva", "nora@example.com"))
    page = half_typed(visit, staff)
    asked: list[str] = []

    def refuse(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.once("dialog", refuse)
    page.locator(f"[data-booking-id='{made.pk}'] .who").click()

    expect(panel(page).get_by_label("Name")).to_have_value("Leo Lindqvist")
    assert asked == ["You have unsaved changes. Discard them?"]
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator(f"[data-booking-id='{made.pk}'] .who").click()
    expect(panel(page)).to_contain_text("Nora Silva")


def test_edit_of_a_booking_that_changed_meanwhile_is_not_filled_with_a_draft(
    visit: Visit, station: Station, staff: User
) -> None:
    made = booking(station, party_adults=2)
    page = visit(staff, f"/bookings/{made.pk}/edit/")
    page.get_by_label("Adults").fill("5")
    wait_for_draft(page)
    Booking.objects.filter(pk=made.pk).update(version=2, party_adults=3)

    page.reload()

    expect(page.get_by_label("Adults")).to_have_value("3")


def test_sign_in_again_in_another_tab_needs_no_second_press(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, status=Status.PENDING, customer=Contact("Nora Silva", "nora@example.com"))
    page = opened(visit, staff, made)
    page.context.clear_cookies(name=re.compile("session"))
    tab = page.context.new_page()
    tab.goto(page.url.partition("/calendar")[0] + "/accounts/login/")
    sign_in(tab, staff)

    panel(page).get_by_role("button", name="Confirm").click()

    expect(page.locator(".notice")).to_contain_text("Nora Silva")
    assert Booking.objects.get().status == Status.CONFIRMED
