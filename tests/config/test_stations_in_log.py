"""The line of a request names the station that it was about, whatever door it came by, and no other."""

from collections.abc import Iterator

import pytest
from django.test import Client

from accounts import roles
from accounts.models import User
from stations.models import Station
from tests import captured_log
from tests.captured_log import CapturedLog
from tests.factories import booking, customer, open_station, person

pytestmark = pytest.mark.looks


@pytest.fixture
def log() -> Iterator[CapturedLog]:
    with captured_log.capture_log() as book:
        yield book


@pytest.fixture
def court(db: None) -> Station:
    return open_station(code="court", name="Court")


@pytest.fixture
def manager(station: Station, court: Station) -> User:
    """Of both; the first by name is the court."""
    return person(roles.MANAGERS, station, court)


PAGES = {
    "/calendar/week/?station=kitchen",
    "/calendar/month/?station=kitchen",
    "/calendar/agenda/?station=kitchen",
    "/bookings/new/?station=kitchen",
    "/bookings/{booking}/",
    "/bookings/{booking}/edit/",
    "/bookings/{booking}/move/",
    "/bookings/{booking}/move-options/?first=2031-03-07&last=2031-03-08",
    "/admin/bookings/booking/{booking}/change/",
    "/admin/accounts/customer/{customer}/change/",
    "/admin/stations/station/{station}/change/",
    "/api/bookings/{booking}/",
    "/api/customers/{customer}/",
    "/api/bookings/?station=kitchen",
    "/api/bookings/admin/weekly?date_from=2031-03-07&date_to=2031-03-08&station=kitchen",
    "/api/stations/kitchen/slots/?date_from=2031-03-07&date_to=2031-03-08",
}


@pytest.mark.parametrize("address", sorted(PAGES))
def test_request_about_a_station_names_it(manager: User, station: Station, log: CapturedLog, address: str) -> None:
    known = customer(station)
    ids = {"booking": booking(station).pk, "customer": known.pk, "station": station.pk}
    client = Client()
    client.force_login(manager)

    answer = client.get(address.format(**ids))

    assert answer.status_code == 200
    assert [line["station"] for line in log.entries("request")] == [station.pk]


def test_disclosure_of_a_customers_data_names_their_station(manager: User, station: Station, log: CapturedLog) -> None:
    client, known = Client(), customer(station)
    client.force_login(manager)

    assert client.post(f"/admin/accounts/customer/{known.pk}/data/").status_code == 200

    assert [line["station"] for line in log.entries("request")] == [station.pk]


def test_change_by_api_names_its_station(manager: User, station: Station, log: CapturedLog) -> None:
    client, made = Client(), booking(station)
    client.force_login(manager)

    client.patch(f"/api/bookings/admin/{made.pk}", {"date": "2031-03-08", "slot": "18:00"}, "application/json")
    client.post(f"/bookings/{made.pk}/step/", {"status": "cancelled", "version": 2})

    assert [line["station"] for line in log.entries("request")] == [station.pk] * 2


@pytest.mark.parametrize("address", ["/calendar/stations/", "/accounts/me/", "/api/bookings/", "/nowhere/", "/feeds/"])
def test_request_about_no_station_names_none(manager: User, log: CapturedLog, address: str) -> None:
    client = Client()
    client.force_login(manager)

    client.get(address)

    assert [line.get("station") for line in log.entries("request")] == [None]


def test_station_that_somebody_may_not_see_is_not_named(staff: User, court: Station, log: CapturedLog) -> None:
    client, made = Client(), booking(court)
    client.force_login(staff)

    for address in ("/calendar/week/?station=court", f"/bookings/{made.pk}/", f"/api/bookings/{made.pk}/"):
        assert client.get(address).status_code == 404

    assert [line.get("station") for line in log.entries("request")] == [None] * 3
