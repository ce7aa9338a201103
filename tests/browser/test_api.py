"""The API for a person with a browser: from signing in to a moved booking, with no report of the strict policy."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from accounts import roles
from bookings.models import Booking
from bookings.models.status import Status
from stations.models import Station
from tests import factories
from tests.factories import PASSWORD, booking

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def integrator(page: Page, live_server: Any) -> Iterator[Page]:
    """An integrator of the kitchen, signed in, at the API's root; whatever the browser complains of fails the test."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if _is_complaint(message) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda sent: complaints.append(sent.url) if not _ours(sent.url, live_server.url) else None)
    user = factories.person(roles.INTEGRATORS, factories.open_station(code="kitchen"))
    page.goto(f"{live_server.url}/api/")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{live_server.url}/api/")
    yield page
    assert complaints == []


def _is_complaint(message: ConsoleMessage) -> bool:
    """Whether the browser found fault with the page; an answer of 400 or 401 is none."""
    return message.type == "error" and "the server responded with a status of 4" not in message.text


def _ours(url: str, home: str) -> bool:
    return url.startswith((home, "data:"))


def send(page: Page, method: str, ending: str, body: Any) -> dict[str, Any]:
    """Fill in the form of that method and address and send it; the answer as shown."""
    form = page.locator(f"form[data-send={method}][action$='{ending}']")
    form.get_by_label("JSON body").fill(json.dumps(body))
    form.get_by_role("button", name=method).click()
    shown: dict[str, Any] = json.loads(form.locator("[data-answer] pre").inner_text())
    return shown


def test_browsing_leads_from_the_root_to_a_new_booking(integrator: Page) -> None:
    page = integrator
    page.locator("pre a[href$='/api/bookings/']").click()
    body = {"station": "kitchen", "date": "2031-03-07", "slot": "18:00", "party_adults": 2}

    answer = send(page, "POST", "/api/bookings/", {**body, "customer": {"name": "<b>Ana</b> García"}})

    made = Booking.objects.get()
    assert answer["data"]["booking_id"] == str(made.pk)
    page.get_by_role("link", name=f"/api/bookings/{made.pk}/").click()
    expect(page.locator("pre").first).to_contain_text('"name": "<b>Ana</b> García"')


def test_browsing_moves_a_booking_from_its_page(integrator: Page) -> None:
    page = integrator
    made = booking(Station.objects.get())
    page.goto(page.url + "bookings/")
    page.get_by_role("link", name=str(made.pk)).click()

    answer = send(page, "PATCH", f"/api/bookings/admin/{made.pk}", {"date": "2031-03-08", "slot": "19:00"})

    assert (answer["data"]["date"], answer["data"]["slot"]) == ("2031-03-08", "19:00")
    made.refresh_from_db()
    assert (made.date.isoformat(), made.version) == ("2031-03-08", 2)


def test_browsing_goes_on_from_the_version_that_it_made(page: Page, live_server: Any, integrator: Page) -> None:
    made = booking(Station.objects.get())
    page.goto(f"{live_server.url}/api/bookings/{made.pk}/")

    first = send(page, "PATCH", f"/api/bookings/{made.pk}/", {"party_adults": 3})
    second = send(page, "POST", "/status/", {"status": "completed"})

    assert (first["data"]["version"], second["data"]["version"]) == (2, 3)


def test_browsing_shows_a_refusal_as_it_came(page: Page, live_server: Any, integrator: Page) -> None:
    made = booking(Station.objects.get(), status=Status.COMPLETED)
    page.goto(f"{live_server.url}/api/bookings/{made.pk}/")

    with page.expect_response(f"**/api/bookings/admin/{made.pk}") as sent:
        answer = send(page, "PATCH", f"/api/bookings/admin/{made.pk}", {"date": "2031-03-08", "slot": "19:00"})

    assert (sent.value.status, answer["code"]) == (400, "not_reschedulable")


@pytest.mark.looks
def test_browsing_a_calendar_asks_for_the_days(integrator: Page) -> None:
    page = integrator
    made = booking(Station.objects.get())
    page.locator("pre a[href$='/admin/weekly']").click()

    page.get_by_label("date_from").fill("2031-03-03")
    page.get_by_label("date_to").fill("2031-03-09")
    page.get_by_role("button", name="Show").click()

    expect(page.get_by_role("link", name=str(made.pk))).to_be_visible()


@pytest.mark.looks
def test_docs_describe_every_call_from_our_own_files(integrator: Page, live_server: Any) -> None:
    page = integrator
    page.locator("pre a[href$='/api/docs/']").click()

    call = page.locator("#operations-bookings-rescheduleBooking")
    call.get_by_role("button").first.click()

    expect(call.locator(".responses-table .response").nth(3)).to_be_visible()
