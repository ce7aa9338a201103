"""Who was told what by the API stands in the log."""

import logging
from uuid import UUID

import pytest
from django.test import Client

from accounts import access_keys, roles
from accounts.customers import Contact
from accounts.models import User
from stations.models import Station
from tests.api.caller import Caller
from tests.factories import booking

WEEKLY = "/api/bookings/admin/weekly"
WEEK = f"{WEEKLY}?date_from=2031-03-03&date_to=2031-03-09&station=kitchen"


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "config.api"]


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_calendar_that_was_read_stands_in_the_log(
    api: Caller, staff: User, station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    booking(station, customer=Contact("Ana García", "ana@example.com"))

    answer = api.get(WEEK)

    request = answer.headers["X-Request-Id"]
    assert lines(caplog) == [f"GET {WEEK}: 200 to person {staff.pk} (jwt), request {request}."]
    assert UUID(request)


def test_door_is_told(staff: User, station: Station, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    _key, text = access_keys.make(name="Shop", stations=[station], rights=[roles.VIEW], expires_on=None, by=staff)
    client.force_login(staff)

    client.get(WEEK)
    Client().get(WEEK, headers={"Authorization": f"Bearer {text}"})

    assert [line.partition(" to ")[2].partition(",")[0] for line in lines(caplog)] == [
        f"person {staff.pk} (api)",
        f"person {staff.pk} (key)",
    ]


def test_refused_query_is_not_repeated(api: Caller, staff: User, caplog: pytest.LogCaptureFixture) -> None:
    answer = api.get(f"{WEEKLY}?email=ana@example.com")

    request = answer.headers["X-Request-Id"]
    assert lines(caplog) == [f"GET {WEEKLY}: 400 to person {staff.pk} (jwt), request {request}."]


def test_nobody_is_told_nothing_and_stands_nowhere(station: Station, caplog: pytest.LogCaptureFixture) -> None:
    assert Client().get(WEEK).status_code == 401

    assert lines(caplog) == []
