"""What the log has about API requests."""

from collections.abc import Iterator

import pytest
from django.test import Client

from accounts import roles
from accounts.auth import api_keys
from accounts.customers import Contact
from accounts.models import User
from stations.models import Station
from tests import captured_log
from tests.bookings.api.caller import Caller
from tests.captured_log import CapturedLog
from tests.factories import booking

WEEKLY = "/api/bookings/admin/weekly"
DAYS = {"date_from": "2031-03-03", "date_to": "2031-03-09", "station": "kitchen"}
WEEK = f"{WEEKLY}?{'&'.join(f'{name}={value}' for name, value in DAYS.items())}"


@pytest.fixture
def log() -> Iterator[CapturedLog]:
    with captured_log.capture_log() as book:
        yield book


def test_calendar_that_was_read_stands_in_the_log(api: Caller, staff: User, station: Station, log: CapturedLog) -> None:
    booking(station, customer=Contact("Ana García", "ana@example.com"))

    answer = api.get(WEEK)

    [line] = log.entries("request")
    told = {name: line[name] for name in ("request", "user", "route", "status", "channel", "asked")}
    assert told == {
        "request": answer.headers["X-Request-Id"],
        "user": staff.pk,
        "route": WEEKLY,
        "status": 200,
        "channel": "jwt",
        "asked": DAYS,
    }


def test_booking_that_was_read_stands_in_the_log(api: Caller, station: Station, log: CapturedLog) -> None:
    made = booking(station)

    api.get(f"/api/bookings/{made.pk}/")

    [line] = log.entries("request")
    assert (line["route"], line["asked"]) == ("/api/bookings/<str:booking_id>/", {"booking_id": str(made.pk)})


def test_words_that_were_asked_for_stand_nowhere(api: Caller, station: Station, log: CapturedLog) -> None:
    answer = api.get("/api/bookings/?station=kitchen&external_ref=Garc%C3%ADa")

    assert answer.status_code == 200
    assert [line["asked"] for line in log.entries("request")] == [{"station": "kitchen"}]
    assert "Garc" not in log.text


def test_channel_is_shown(staff: User, station: Station, client: Client, log: CapturedLog) -> None:
    _key, text = api_keys.create(name="Shop", stations=[station], rights=[roles.VIEW], expires_on=None, by=staff)
    client.force_login(staff)

    client.get(WEEK)
    Client().get(WEEK, headers={"Authorization": f"Bearer {text}"})

    assert [(line["user"], line["channel"]) for line in log.entries("request")] == [
        (staff.pk, "api"),
        (staff.pk, "key"),
    ]


def test_refused_query_is_not_repeated(api: Caller, staff: User, log: CapturedLog) -> None:
    api.get(f"{WEEKLY}?email=ana@example.com")

    [line] = log.entries("request")
    assert (line["status"], line["user"], line["channel"], "asked" in line) == (400, staff.pk, "jwt", False)
    assert "ana" not in log.text


def test_nobody_is_told_nothing(station: Station, log: CapturedLog) -> None:
    assert Client().get(WEEK).status_code == 401

    [line] = log.entries("request")
    assert (line["user"], "channel" in line, "asked" in line) == (None, False, False)
