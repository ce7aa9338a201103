"""How long a request waited before a thread began with it: by the proxy's word, and by the server's own clock."""

import time
from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.test import Client

from core import metrics
from core.web.queue_time import COMPLETE_AT, parse_request_start, seconds_in_queue
from tests import captured_log
from tests.captured_log import CapturedLog

NOW = 1_900_000_000.5


@pytest.fixture
def log() -> Iterator[CapturedLog]:
    with captured_log.capture_log() as book:
        yield book


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("t=1900000000.123", 1_900_000_000.123),
        ("1900000000", 1_900_000_000.0),
        ("t=1900000000123", 1_900_000_000.123),
        ("t=1900000000123456", 1_900_000_000.123456),
        ("1900000000123456789", 1_900_000_000.123456789),
        (" t=1900000000.5 ", 1_900_000_000.5),
        ("t=1, t=1900000000.5", 1_900_000_000.5),
    ],
)
def test_request_start_is_read_in_any_unit(text: str, seconds: float) -> None:
    assert parse_request_start(text) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    "text", ["", "t=", "soon", "t=-1", "t=1e9", "t=nan", "1_900_000_000", "t=19.", "٣", "t=" + "9" * 30, "t=1 900"]
)
def test_request_start_that_is_no_time_is_not_read(text: str) -> None:
    assert parse_request_start(text) is None


@pytest.mark.parametrize(
    ("proxies", "header", "here", "seconds"),
    [
        (1, NOW - 2, 0.5, 2.0),
        (1, NOW - 0.1, 0.5, 0.5),
        (1, NOW + 3, 0.5, 0.5),
        (1, NOW - 3600, 0.5, 0.5),
        (1, "soon", 0.5, 0.5),
        (1, None, 0.5, 0.5),
        (0, NOW - 2, 0.5, 0.5),
        (1, NOW - 2, None, 2.0),
        (0, None, None, 0.0),
    ],
)
def test_proxy_s_word_counts_where_it_is_trusted_and_sound(
    settings: LazySettings, proxies: int, header: object, here: float | None, seconds: float
) -> None:
    settings.TRUSTED_PROXIES = proxies
    environ = {} if header is None else {"HTTP_X_REQUEST_START": f"t={header}"}
    environ |= {} if here is None else {COMPLETE_AT: 100.0 - here}  # type: ignore[dict-item]

    assert seconds_in_queue(environ, now=NOW, perf_now=100.0) == pytest.approx(seconds, abs=1e-3)


def test_time_in_the_queue_is_in_the_log_and_counted(db: None, settings: LazySettings, log: CapturedLog) -> None:
    settings.TRUSTED_PROXIES = 1
    waits = metrics.QUEUE_SECONDS._sum.get()

    Client(headers={"X-Request-Start": f"t={time.time() - 5:.3f}"}).get("/nowhere/")

    [line] = log.entries("request")
    assert 5_000 <= line["queue_ms"] < 20_000
    assert line["ms"] < line["queue_ms"]
    assert metrics.QUEUE_SECONDS._sum.get() - waits == pytest.approx(line["queue_ms"] / 1000, abs=0.001)


def test_time_of_a_request_includes_its_time_in_the_queue(db: None, settings: LazySettings) -> None:
    settings.TRUSTED_PROXIES = 1
    times = metrics.REQUEST_SECONDS.labels("(unknown)", "GET")
    before = times._sum.get()

    Client(headers={"X-Request-Start": f"t={time.time() - 5:.3f}"}).get("/nowhere/")

    assert times._sum.get() - before >= 5
