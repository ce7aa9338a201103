"""Stations and their slots in the API."""

from datetime import time
from typing import Any

import pytest

from accounts import roles
from accounts.models import User
from bookings.models.status import Status
from stations.models import Station
from tests import factories
from tests.bookings.api.caller import Caller, failure, status_and_code
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking

STATIONS = "/api/stations/"


def slots(code: str = "kitchen", first: str = "2031-03-07", last: str = "2031-03-07") -> str:
    return f"/api/stations/{code}/slots?date_from={first}&date_to={last}"


def slot(**changed: Any) -> dict[str, Any]:
    return {
        "date": "2031-03-07",
        "slot": "18:00",
        "minutes": 60,
        "starts_at": "2031-03-07T17:00:00+00:00",
        "ends_at": "2031-03-07T18:00:00+00:00",
        "capacity": 3,
        "taken": 0,
        "left": 3,
        "guest_capacity": None,
        "guests_taken": 0,
        "guests_left": None,
        "closed": False,
        "reason": "",
        **changed,
    }


def test_stations_are_those_of_the_caller(api: Caller, station: Station, bar: Station) -> None:
    assert api.get(STATIONS).json() == {
        "success": True,
        "data": [
            {
                "code": "kitchen",
                "name": "Kitchen",
                "time_zone": "Europe/Berlin",
                "country": "DE",
                "currency": "EUR",
                "first_weekday": 6,
                "email": "",
                "phone": "",
                "address": "",
                "is_active": True,
                "version": 1,
                "timetable_version": 1,
            }
        ],
        "total_count": 1,
    }


def test_stations_of_somebody_with_all_are_all_by_name(station: Station, bar: Station) -> None:
    everybody = Caller(User.objects.create_superuser("root@example.com", "x"))

    assert [one["code"] for one in everybody.get(STATIONS).json()["data"]] == ["bar", "kitchen"]


def test_slots_say_what_is_taken_and_what_is_left(api: Caller, station: Station) -> None:
    booking(station, party_adults=2, party_kids=1)
    booking(station, FRIDAY, time(17), slots=2)
    booking(station, status=Status.CANCELLED)

    answer = api.get(slots()).json()

    assert answer["total_count"] == 5
    assert answer["data"][1] == slot(taken=2, left=1, guests_taken=4)


def test_slots_say_how_many_guests_are_left(db: None) -> None:
    hall = factories.open_station(code="hall", hours=[18], guest_capacity=10)
    booking(hall, party_adults=4)

    [only] = Caller(factories.staff(hall)).get(slots("hall")).json()["data"]

    assert only == slot(taken=1, left=2, guest_capacity=10, guests_taken=4, guests_left=6)


def test_slots_say_why_they_are_closed(api: Caller, station: Station) -> None:
    ExceptionFactory(station=station, date=FRIDAY, slot=time(18), reason="Stocktaking")

    assert api.get(slots()).json()["data"][1] == slot(left=0, closed=True, reason="Stocktaking")


def test_slots_run_over_42_days_and_no_more(api: Caller) -> None:
    assert api.get(slots(last="2031-04-17")).json()["total_count"] == 42 * 5
    assert status_and_code(api.get(slots(last="2031-04-18"))) == (400, "invalid_range")


def test_slots_want_both_dates(api: Caller) -> None:
    assert status_and_code(api.get("/api/stations/kitchen/slots")) == (400, "required")


def test_slots_cost_the_same_queries_for_1_and_42_days(
    api: Caller, station: Station, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    booking(station, SATURDAY)
    with django_assert_max_num_queries(11) as first:
        api.get(slots())

    with django_assert_num_queries(len(first)):
        api.get(slots(last="2031-04-17"))


@pytest.mark.parametrize("address", [slots("bar"), slots("none"), "/api/stations/bar/slots?date_from=x"])
def test_slots_of_another_station_are_not_found(api: Caller, bar: Station, address: str) -> None:
    assert failure(api.get(address)) == {
        "status": 404,
        "error": "Not found.",
        "code": "not_found",
    }


@pytest.mark.parametrize("address", [STATIONS, slots()])
def test_stations_may_be_read_by_viewers_with_a_station_only(station: Station, address: str) -> None:
    at_home, nowhere = factories.person(roles.VIEWERS, station), factories.person(roles.VIEWERS)

    assert Caller(at_home).get(address).status_code == 200
    assert status_and_code(Caller(nowhere).get(address)) == (403, "permission_denied")
