"""The line that each request leaves in the log."""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from bookings.models import Feed
from stations.models import Station
from tests import captured_log
from tests.captured_log import CapturedLog
from tests.factories import booking


def feed_of(client: Client) -> str:
    """The address of a new calendar feed."""
    secrets = re.findall(r"/feeds/([\w-]{43})\.ics", client.post("/feeds/").content.decode())
    return f"/feeds/{secrets[0]}.ics"


@pytest.fixture
def log() -> Iterator[CapturedLog]:
    with captured_log.capture_log() as book:
        yield book


def test_request_leaves_one_line(client: Client, staff: User, station: Station, log: CapturedLog) -> None:
    made = booking(station)
    client.force_login(staff)

    with CaptureQueriesContext(connection) as sent:
        client.get(f"/bookings/{made.pk}/?next=/x/")

    [line] = log.lines
    assert UUID(line.pop("request"))
    assert line.pop("time").endswith("Z")
    assert 0 < line.pop("ms") < 60_000
    assert line.pop("queue_ms") == 0
    assert line == {
        "level": "info",
        "logger": "config.observability.request_log",
        "event": "request",
        "user": staff.pk,
        "method": "GET",
        "route": "/bookings/<uuid:booking_id>/",
        "status": 200,
        "queries": len(sent.captured_queries),
        "station": station.pk,
    }


def test_line_is_the_one_that_the_document_shows(client: Client, log: CapturedLog) -> None:
    document = (settings.BASE_DIR / "docs/monitoring.md").read_text()
    [shown] = [
        json.loads(line) for line in document.splitlines() if line.startswith("{") and '"event":"request"' in line
    ]

    client.get("/nowhere/")

    assert [{*line} for line in log.entries("request")] == [{*shown}]


def test_statements_are_those_of_the_request_alone(client: Client, staff: User, log: CapturedLog) -> None:
    client.force_login(staff)

    for _time in range(3):
        client.get("/accounts/me/")

    _first, second, third = (line["queries"] for line in log.entries("request"))
    assert second == third > 0


def test_whoever_is_not_signed_in_is_nobody_and_is_not_looked_up(db: None, log: CapturedLog) -> None:
    Client().get("/nowhere/")

    [line] = log.entries("request")
    assert (line["user"], line["queries"]) == (None, 0)


def test_unknown_method_is_counted_as_other(db: None, log: CapturedLog) -> None:
    Client().generic("QUILLON", "/accounts/login/")

    assert [line["method"] for line in log.entries("request")] == ["OTHER"]


def test_request_that_the_database_leaves_unanswered_leaves_two_lines(
    client: Client, staff: User, log: CapturedLog
) -> None:
    client.force_login(staff)

    def away(*_call: Any) -> Any:
        raise OperationalError("db.internal")

    with connection.execute_wrapper(away):
        answer = client.get("/api/stations/")

    told = [(line["event"], line["request"]) for line in log.lines]
    assert told == [
        ("The database does not respond.", answer.headers["X-Request-Id"]),
        ("request", answer.headers["X-Request-Id"]),
    ]
    assert "db.internal" not in log.text


def test_streamed_response_is_logged_when_it_ends(
    client: Client, staff: User, station: Station, log: CapturedLog
) -> None:
    booking(station)
    client.force_login(staff)
    address = feed_of(client)
    feed = Feed.objects.get().pk

    answer: Any = Client().get(address)
    before = log.entries("request")
    answer.getvalue()
    answer.close()

    assert [line["route"] for line in before] == ["/feeds/"]
    assert (log.entries("request")[-1]["user"], log.entries("request")[-1]["feed"]) == (staff.pk, feed)
    assert [line["route"] for line in log.entries("request")] == ["/feeds/", "/feeds/<str:secret>.ics"]


def test_response_that_breaks_off_is_logged(client: Client, staff: User, station: Station, log: CapturedLog) -> None:
    booking(station)
    client.force_login(staff)
    address = feed_of(client)
    answer: Any = Client().get(address)

    def fail(*_call: Any) -> Any:
        raise RuntimeError("quillon.x@example.com")

    with connection.execute_wrapper(fail), pytest.raises(Exception, match=r"^$"):
        answer.getvalue()

    [line] = log.entries("Response interrupted.")
    assert (line["error"]["kind"], line["request"]) == ("RuntimeError", answer.headers["X-Request-Id"])
    assert "quillon" not in log.text
