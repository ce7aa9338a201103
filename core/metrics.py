"""Prometheus counters and histograms, exported by `config.observability.prometheus` under `/metrics`.

Each is updated by the code that does the work. Labels take few values, all known in advance, never user input. With several
processes each writes its own file (PROMETHEUS_MULTIPROC_DIR), and any of them reports for all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from django.db import Error, OperationalError
from prometheus_client import Counter, Gauge, Histogram

from core.db import disk_full
from core.db.disk_full import is_disk_full

BUCKETS: Final = (
    0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 1.3, 1.7, 2.5, 5, 10
)  # fmt: skip
"""Seconds. They are close enough together around noticeable delays that quantiles are off by at most 10 %."""
REQUESTS: Final = Counter(
    "stationbook_requests", "Requests by route, method and status class.", ["route", "method", "status"]
)
REQUEST_SECONDS: Final = Histogram(
    "stationbook_request_seconds",
    "Duration of a request, including its time in the queue.",
    ["route", "method"],
    buckets=BUCKETS,
)
QUEUE_SECONDS: Final = Histogram(
    "stationbook_queue_seconds", "Time that a request waited for a server thread.", buckets=BUCKETS
)
REQUESTS_IN_PROGRESS: Final = Gauge(
    "stationbook_requests_in_hand", "Requests in progress.", multiprocess_mode="livesum"
)
REFUSALS: Final = Counter("stationbook_refusals", "Refused requests by error code.", ["code"])
SIGN_INS: Final = Counter("stationbook_sign_ins", "Attempts to sign in by outcome.", ["outcome"])
BOOKINGS: Final = Counter(
    "stationbook_bookings",
    "Attempts to change a booking by action and outcome: “done” or an error code.",
    ["action", "outcome"],
)
MAILS: Final = Counter("stationbook_mails", "Attempts to send an email by kind and outcome.", ["kind", "outcome"])
CALENDARS_RENDERED: Final = Counter(
    "stationbook_calendars_rendered", "Calendars rendered, as opposed to served from the cache.", ["view"]
)
LOCK_WAITS: Final = Histogram(
    "stationbook_lock_wait_seconds",
    "Time that a change waited for its lock: the station's, or the database's with SQLite.",
    ["on"],
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
DATABASE_ERRORS: Final = Counter("stationbook_database_errors", "Database errors by type.", ["kind"])
DISK_FULL: Final = Counter("stationbook_disk_full", "Failed writes because the database's disk was full.")

# Start at 0: Prometheus sees no increase in a counter that first appears with a value of 1.
for _metric, _values in {
    SIGN_INS: ("done", "refused", "waits"),
    LOCK_WAITS: ("station",),
    DATABASE_ERRORS: ("OperationalError", "InterfaceError", "IntegrityError", "DataError", "ProgrammingError"),
    REFUSALS: ("throttled", "permission_denied", "not_found", "not_authenticated"),
}.items():
    for _value in _values:
        _metric.labels(_value)
for _view in ("week", "month", "day", "agenda", "stations"):
    CALENDARS_RENDERED.labels(_view)
for _action in ("create", "import", "reschedule", "status", "edit", "amend"):
    BOOKINGS.labels(_action, "done")


@contextmanager
def time_lock_wait(on: str) -> Iterator[None]:
    """Measure the duration of the block as time spent waiting for a lock."""
    began = perf_counter()
    try:
        yield
    finally:
        LOCK_WAITS.labels(on).observe(perf_counter() - began)


def count_refusal(code: str) -> None:
    REFUSALS.labels(code).inc()


def count_database_error(error: Error) -> None:
    """Count a database error, once even if several callers see it."""
    if not hasattr(error, "is_counted"):
        error.is_counted = True  # type: ignore[attr-defined]
        DATABASE_ERRORS.labels(type(error).__name__).inc()
        if is_disk_full(error):
            DISK_FULL.inc()
            disk_full.note()


@contextmanager
def ignore_disk_full() -> Iterator[None]:
    """Ignore a full disk inside the block: its writes are not essential to the request."""
    try:
        yield
    except OperationalError as error:
        if not is_disk_full(error):
            raise
        count_database_error(error)
