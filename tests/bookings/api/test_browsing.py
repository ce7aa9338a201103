"""The browsable API: pages, links and forms."""

import re
from typing import Any

import pytest

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from stations.models import Station
from tests import factories
from tests.bookings.api.caller import Caller
from tests.factories import booking

pytestmark = pytest.mark.looks

HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def page(who: User | None, address: str, method: str = "GET") -> Any:
    return Caller(who, session=True).call(method, address, Accept=HTML)


def offered_actions(answer: Any) -> list[str]:
    """The forms that a page offers, each by method and address."""
    return [
        f"{method} {action}"
        for action, method in re.findall(r'action="([^"]+)" data-send="(\w+)"', answer.content.decode())
    ]


def test_pages_answer_browsers_and_json_everybody_else(staff: User) -> None:
    kinds = [
        Caller(staff, session=True).get("/api/", Accept=accept).headers["Content-Type"] for accept in (HTML, "*/*", "")
    ]

    assert kinds == ["text/html; charset=utf-8", "application/json", "application/json"]


def test_pages_are_for_no_token(staff: User) -> None:
    """Some programs name text/html first, and mean nothing by it."""
    answer = Caller(staff).get("/api/", Accept="text/html, image/gif, *; q=.2, */*; q=.2")

    assert answer.headers["Content-Type"] == "application/json"


def test_pages_lead_nobody_to_the_log_in_and_back(db: None) -> None:
    answer = page(None, "/api/bookings/?station=kitchen&status=pending")

    assert answer.status_code == 401
    link = "/accounts/login/?next=/api/bookings/%3Fstation%3Dkitchen%26amp%3Bstatus%3Dpending"
    assert link.replace("%26amp%3B", "%26") in answer.content.decode()


def test_the_root_links_to_every_room(staff: User) -> None:
    html = page(staff, "/api/").content.decode()

    links = re.findall(r'&quot;<a href="http://testserver(/api/[^"]+)">', html)
    assert links == [
        "/api/stations/",
        "/api/bookings/",
        "/api/bookings/admin/weekly",
        "/api/bookings/admin/monthly",
        "/api/customers/search",
        "/api/schema/",
        "/api/docs/",
    ]


def test_a_bookings_page_links_to_itself_and_to_its_customer(staff: User, station: Station) -> None:
    made = booking(station, customer=Contact("Ana García"))

    html = page(staff, "/api/bookings/").content.decode()

    assert f'<a href="/api/bookings/{made.pk}/">{made.pk}</a>' in html
    assert f'<a href="/api/customers/{made.customer_id}/">{made.customer_id}</a>' in html


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", '", "booking_id": "00000000-0000-4000-8000-000000000000', "http://testserver/api/x"],
)
def test_what_customers_wrote_is_escaped_and_never_a_link(staff: User, station: Station, text: str) -> None:
    made = booking(station, special_requests=text)

    html = page(staff, f"/api/bookings/{made.pk}/").content.decode()

    assert "<script>alert" not in html
    assert "00000000-0000-4000-8000-000000000000/" not in html


def test_a_bookings_page_offers_what_may_come_next(staff: User, station: Station) -> None:
    made = booking(station)

    answer = page(staff, f"/api/bookings/{made.pk}/")

    assert offered_actions(answer) == [
        f"PATCH /api/bookings/admin/{made.pk}",
        f"POST /api/bookings/{made.pk}/status/",
        f"PATCH /api/bookings/{made.pk}/",
    ]
    assert answer.content.decode().count('name="version" value="&quot;1&quot;"') == 3


def test_a_bookings_page_offers_a_step_that_can_be_taken_today(staff: User, station: Station) -> None:
    made = booking(station)

    html = page(staff, f"/api/bookings/{made.pk}/").content.decode()

    assert re.findall(r"&quot;status&quot;: &quot;(\w+)&quot;\s*}</textarea>", html) == ["completed"]


def test_pages_offer_viewers_nothing_to_write(station: Station) -> None:
    viewer, made = factories.person(roles.VIEWERS, station), booking(station)

    assert [offered_actions(page(viewer, address)) for address in ("/api/bookings/", f"/api/bookings/{made.pk}/")] == [
        [],
        [],
    ]


@pytest.mark.parametrize("address", ["/api/customers/search", "/api/auth/login", "/api/auth/refresh"])
def test_an_address_for_writing_only_shows_its_form(staff: User, address: str) -> None:
    answer = page(staff, address)

    assert (answer.status_code, offered_actions(answer)) == (405, [f"POST {address}"])


def test_a_calendar_without_days_asks_for_them(staff: User) -> None:
    answer = page(staff, "/api/bookings/admin/weekly")

    html = answer.content.decode()
    assert answer.status_code == 400
    assert "date_from: This field is required." in html
    assert re.findall(r'name="(\w+)"', html.split('<form class="filters"')[1].split("</form>")[0]) == [
        "date_from",
        "date_to",
        "status",
        "station",
    ]


def test_a_calendars_form_remembers_what_was_asked(staff: User) -> None:
    html = page(
        staff, "/api/bookings/admin/weekly?date_from=2031-03-03&date_to=2031-03-09&status=arrived"
    ).content.decode()

    assert 'value="2031-03-03"' in html
    assert "<option selected>arrived</option>" in html


def test_pages_have_no_inline_scripts_or_styles(staff: User, station: Station) -> None:
    html = page(staff, "/api/bookings/").content.decode()

    assert not re.search(r"<style|style=|<script(?![^>]*src=)|\son\w+=", html)


def test_pages_of_refusals_speak_the_envelope_too(staff: User) -> None:
    answer = page(staff, "/api/nowhere")

    assert answer.status_code == 404
    assert "&quot;code&quot;: &quot;not_found&quot;" in answer.content.decode()
