"""A manager's way through the mails in the admin, without a word from the browser's policy."""

import pytest
from playwright.sync_api import expect

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings.mails import outbox
from bookings.models import Mail
from bookings.models.mail_state import Problem, State
from stations.models import Station
from tests.browser.conftest import Visit
from tests.factories import booking, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def manager(station: Station) -> User:
    return person(roles.MANAGERS, station)


@pytest.mark.parametrize("scripts", [True, False])
def test_mail_that_failed_is_read_and_sent_again(visit: Visit, station: Station, manager: User, scripts: bool) -> None:
    outbox.queue_created([booking(station, customer=Contact("Ana García", "ana@example.com", "+49 30 901820"))])
    Mail.objects.get().end(State.FAILED, Problem.REFUSED)
    page = visit(manager, "/admin/bookings/mail/?state__exact=failed", scripts=scripts)

    page.locator("#result_list tbody th a").click()
    expect(page.get_by_text("Hello Ana García,").first).to_be_visible()
    expect(page.get_by_role("link", name="Show the number to call")).to_be_visible()
    page.get_by_role("button", name="Send again").click()

    expect(page.get_by_text("1 email will be sent again.")).to_be_visible()
    assert Mail.objects.get().state == State.WAITING


def test_preview_is_found_from_the_station_and_read_in_another_language(
    visit: Visit, station: Station, manager: User
) -> None:
    page = visit(manager, f"/admin/stations/station/{station.pk}/change/")

    page.get_by_role("link", name="Emails to customers").click()
    page.get_by_label("Language").select_option("de")
    page.get_by_role("button", name="Show").click()

    expect(page.get_by_text("Guten Tag Alex Sample,").first).to_be_visible()
    page.get_by_text("As plain text").first.click()
    expect(page.locator(".as-text").first).to_contain_text("Guten Tag Alex Sample,")
