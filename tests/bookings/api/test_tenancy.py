"""Users cannot learn anything about other stations with the API."""

import json
from typing import Any
from uuid import uuid4

import pytest

from accounts import roles
from accounts.customers import Contact
from bookings.models import Booking
from stations.models import Station
from tests import factories
from tests.bookings.api.caller import Caller
from tests.factories import booking

MARK = "Zephyrine"
DAYS = "date_from=2031-03-03&date_to=2031-03-09"
NEW = {"station": "kitchen", "date": "2031-03-07", "slot": "18:00", "party_adults": 2}


@pytest.fixture
def theirs(bar: Station) -> Booking:
    return booking(
        bar,
        customer=Contact(f"{MARK} Bar", "zephyrine@example.com", "+1 202-555-0199"),
        special_requests=MARK,
        external_ref=MARK,
        source=MARK,
    )


def everything(booking_id: Any, customer_id: Any, code: str) -> list[tuple[str, str, Any]]:
    """Every call that can name another's booking, customer or station."""
    return [
        ("GET", f"/api/bookings/{booking_id}/", None),
        ("PATCH", f"/api/bookings/{booking_id}/", {"party_adults": 3}),
        ("PATCH", f"/api/bookings/{booking_id}/", {"party_adults": "x"}),
        ("POST", f"/api/bookings/{booking_id}/status/", {"status": "arrived"}),
        ("POST", f"/api/bookings/{booking_id}/status/", {}),
        ("PATCH", f"/api/bookings/admin/{booking_id}", {"date": "2031-03-08", "slot": "18:00"}),
        ("PATCH", f"/api/bookings/admin/{booking_id}", {}),
        ("GET", f"/api/customers/{customer_id}/", None),
        ("GET", f"/api/stations/{code}/slots?{DAYS}", None),
        ("GET", f"/api/bookings/admin/weekly?{DAYS}&station={code}", None),
        ("GET", f"/api/bookings/admin/monthly?{DAYS}&station={code}", None),
        ("GET", f"/api/bookings/?station={code}", None),
        ("GET", f"/api/bookings/?customer={customer_id}", None),
        ("POST", "/api/bookings/", {**NEW, "station": code}),
        ("POST", "/api/bookings/", {**NEW, "customer_id": str(customer_id)}),
    ]


def answers(api: Caller, calls: list[tuple[str, str, Any]], **headers: str) -> list[tuple[int, dict[str, Any], Any]]:
    """Status, headers and body of each, but for what names the request itself."""
    found = []
    for method, address, body in calls:
        response = api.call(method, address, "" if body is None else json.dumps(body), **headers)
        told = json.loads(response.content)
        told.pop("request_id", None)
        kept = {name: value for name, value in response.headers.items() if name not in ("X-Request-Id", "ETag")}
        found.append((response.status_code, kept, told))
    return found


@pytest.mark.parametrize("group", [roles.VIEWERS, roles.STAFF, roles.MANAGERS, roles.INTEGRATORS])
@pytest.mark.parametrize("headers", [{}, {"If_Match": '"9"'}, {"Accept_Language": "de"}])
def test_anothers_things_look_like_no_things(
    station: Station, theirs: Booking, group: str, headers: dict[str, str]
) -> None:
    api = Caller(factories.person(group, station))

    real = answers(api, everything(theirs.pk, theirs.customer_id, "bar"), **headers)

    assert real == answers(api, everything(uuid4(), uuid4(), "none"), **headers)
    assert all(status in (403, 404) or told["data"] == [] for status, _headers, told in real)


def test_lists_and_searches_show_nothing_of_anothers(api: Caller, station: Station, theirs: Booking) -> None:
    booking(station)
    calls: list[tuple[str, str, Any]] = [
        ("GET", "/api/bookings/", None),
        ("GET", f"/api/bookings/?external_ref={MARK}", None),
        ("GET", f"/api/bookings/admin/monthly?{DAYS}", None),
        ("GET", "/api/stations/", None),
        ("POST", "/api/customers/search", {"q": MARK}),
        ("POST", "/api/customers/search", {"q": "zephyrine@example.com"}),
        ("POST", "/api/customers/search", {"q": "0199"}),
    ]

    shown = json.dumps(answers(api, calls))

    assert [word for word in (MARK, "zephyrine", "5550199", str(theirs.pk), '"bar"') if word in shown] == []


def test_a_taken_reference_elsewhere_is_free_here(api: Caller, station: Station, theirs: Booking) -> None:
    assert api.post("/api/bookings/", {**NEW, "external_ref": MARK}).status_code == 201


def test_the_same_person_elsewhere_is_nobody_here(api: Caller, station: Station, theirs: Booking) -> None:
    contact = {"name": f"{MARK} Bar", "email": "zephyrine@example.com"}

    row = api.post("/api/bookings/", {**NEW, "customer": contact}).json()["data"]

    assert row["customer"]["customer_id"] != str(theirs.customer_id)
    assert row["customer"]["phone"] == ""
