"""The page that asks for the password before a sensitive act: by keyboard alone, without scripts, on the narrowest screen."""

import re

import pytest
from django.conf import LazySettings
from playwright.sync_api import expect

from accounts import roles
from accounts.models import User
from bookings.models import Feed
from stations.models import Station
from tests.browser.conftest import Visit, too_narrow
from tests.factories import PASSWORD, person

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def stale(settings: LazySettings) -> None:
    """Every session's password was given too long ago."""
    settings.REAUTHENTICATION_SECONDS = 0


@pytest.mark.parametrize(
    ("language", "heading"),
    [("en", "Confirm your password"), ("es", "Confirme su contraseña"), ("de", "Passwort bestätigen")],
)
def test_password_is_given_by_keyboard_without_scripts_and_the_act_goes_on(
    visit: Visit, stale: None, station: Station, staff: User, language: str, heading: str
) -> None:
    page = visit(staff, "/feeds/", width=320, scripts=False, language=language)
    page.locator("#id_details").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=heading)).to_be_visible()

    expect(page.locator("#id_old")).to_be_focused()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.locator(".fault")).to_be_visible()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")

    expect(page.locator("textarea.address")).to_be_visible()
    assert Feed.objects.get().details


def test_confirm_page_is_no_wider_than_any_window(visit: Visit, stale: None, staff: User) -> None:
    page = visit(staff, "/accounts/confirm/?next=/feeds/")

    assert too_narrow(page) == []


def test_new_person_in_the_admin_is_added_after_the_password_with_all_that_was_typed(
    visit: Visit, stale: None, station: Station
) -> None:
    page = visit(person(roles.MANAGERS, station), "/admin/accounts/user/add/", scripts=False)
    page.get_by_label("Email").fill("new@example.com")
    page.get_by_label("Name").fill("Zoë “Q” <b>")
    page.get_by_label("Kitchen").check()
    page.get_by_role("button", name="Save", exact=True).click()

    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_label("Link to set a password")).to_have_value(re.compile(r"/accounts/new-password/\S+/$"))
    made = User.objects.get(email="new@example.com")
    assert (made.name, list(made.stations.all())) == ("Zoë “Q” <b>", [station])
