"""What stands in the log, and what never does."""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from bookings.icalendar import feeds
from config.observability import logging as logs
from stations.models import Station
from tests import captured_log
from tests.captured_log import CapturedLog
from tests.config.test_settings import WHOLE, read, refusal
from tests.factories import staff

SECRET = "k3Jx9vQp7Lw2Zt5Rb8Nc1Ym6Hd4Fs0Ga-uEoIiTqXjV"


@pytest.fixture
def log() -> Iterator[CapturedLog]:
    with captured_log.capture_log(level="DEBUG") as book:
        yield book


@pytest.mark.parametrize(
    ("address", "route"),
    [
        (f"/feeds/{SECRET}.ics", "/feeds/<str:secret>.ics"),
        (f"/feeds/{SECRET}", "(unknown)"),
        (f"/nowhere//Feeds/{SECRET}", "(unknown)"),
        (f"/accounts/new-password/1-{SECRET}/", "/accounts/new-password/<str:reset_token>/"),
        (f"/api/nowhere/{SECRET}?q={SECRET}", "/api/(unknown)"),
        (f"/static/{SECRET}.js", "(files)"),
    ],
)
def test_log_names_no_secret_of_an_address(db: None, log: CapturedLog, address: str, route: str) -> None:
    Client().get(address)

    assert [line["route"] for line in log.entries("request")] == [route]
    assert SECRET not in log.text


def test_log_of_a_crash_tells_its_kind_and_its_way_and_none_of_its_words(station: Station, log: CapturedLog) -> None:
    _feed, secret = feeds.create(station=None, details=False, by=staff(station))
    Station.objects.update(time_zone="Nowhere/Never")

    answer = Client(raise_request_exception=False).get(f"/feeds/{secret}.ics")

    [crash] = log.entries("Internal Server Error")
    assert crash["error"]["kind"] == "zoneinfo._common.ZoneInfoNotFoundError"
    assert any(step.startswith("bookings/icalendar/timezones.py:") for step in crash["error"]["way"])
    assert crash["request"] == answer.headers["X-Request-Id"]
    assert [word for word in (secret, "Nowhere", "/feeds/" + secret[:5]) if word in log.text] == []


def test_error_is_logged_with_its_causes(log: CapturedLog) -> None:
    try:
        try:
            raise KeyError("Quillon")
        except KeyError as inner:
            raise ValueError("quillon.x@example.com") from inner
    except ValueError:
        logging.getLogger("bookings").exception("It went wrong.")

    [line] = log.lines
    assert (line["event"], line["error"]["kind"], line["error"]["after"]["kind"]) == (
        "It went wrong.",
        "ValueError",
        "KeyError",
    )
    assert "uillon" not in log.text


@pytest.mark.parametrize(
    ("said", "arguments", "event"),
    [
        ("Sent %s to %s", ("x", "Quillon"), "Sent %s to %s"),
        ("Sent x to Quillon", (), logs.REDACTED),
        (ValueError("Quillon"), (), logs.REDACTED),
    ],
)
def test_library_is_repeated_without_values(
    log: CapturedLog, said: Any, arguments: tuple[str, ...], event: str
) -> None:
    logging.getLogger("somebody.elses").warning(said, *arguments)

    [line] = log.lines
    assert (line["event"], line["where"].partition(":")[0]) == (event, "tests/config/observability/test_logging.py")
    assert "Quillon" not in log.text


def test_warning_is_logged_by_its_kind(log: CapturedLog) -> None:
    logging.getLogger("py.warnings").warning("/x/views.py:7: RuntimeWarning: Quillon is naive\n  warn(Quillon)\n")

    assert [line["event"] for line in log.lines] == ["RuntimeWarning"]
    assert "Quillon" not in log.text


def test_line_that_cannot_be_written_is_reported_without_its_words() -> None:
    book = CapturedLog()
    handler = logs.StderrHandler(book.output.write)
    handler.setFormatter(logs.JsonFormatter())

    handler.handle(logging.LogRecord("bookings.mails", logging.INFO, __file__, 1, "%d mails", ("Quillon",), None))

    [line] = book.lines
    assert {name: line[name] for name in line if name != "time"} == {
        "level": "error",
        "logger": "bookings.mails",
        "event": "A log line could not be formatted.",
    }


def test_own_line_says_when_and_what(log: CapturedLog) -> None:
    logging.getLogger("bookings.mails").info("%d mails", 3, extra={"fields": {"station": 7}})

    [line] = log.lines
    assert {name: line[name] for name in line if name != "time"} == {
        "level": "info",
        "logger": "bookings.mails",
        "event": "3 mails",
        "station": 7,
    }
    assert datetime.fromisoformat(line["time"]).utcoffset() is not None


def test_line_can_be_read_along() -> None:
    with captured_log.capture_log("line") as book:
        logging.getLogger("bookings.mails").info("%d mails", 3, extra={"fields": {"station": 7}})

    assert book.text.partition(" ")[2] == "info bookings.mails 3 mails station=7\n"


def test_settings_choose_the_form_of_lines() -> None:
    forms = [read(**WHOLE, **said)["LOGGING"]["formatters"]["line"]["()"] for said in ({}, {"LOG_FORMAT": "line"})]

    assert forms == ["config.observability.logging.JsonFormatter", "config.observability.logging.TextFormatter"]
    assert refusal(**WHOLE, LOG_FORMAT="xml").startswith("LOG_FORMAT is json or line")
