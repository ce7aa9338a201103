"""What is counted and timed while it happens, for whoever watches the product: `config.observability.prometheus` shows it
under `/metrics`.

Whoever does a thing counts it, here and by name. A label takes few values, all of them known beforehand, and never anything that
somebody typed. Where several processes serve together, each writes its own file (PROMETHEUS_MULTIPROC_DIR), and any of them
answers for all.
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
"""Of a request's time, in seconds: so close, where people begin to notice it, that a quantile is off by a tenth at most."""
REQUESTS: Final = Counter("stationbook_requests", "Requests answered.", ["route", "method", "status"])
LATENCY: Final = Histogram(
    "stationbook_request_seconds",
    "From a request to its answer, time in the queue included.",
    ["route", "method"],
    buckets=BUCKETS,
)
QUEUE_TIME: Final = Histogram(
    "stationbook_queue_seconds", "How long a request waited until a thread began with it.", buckets=BUCKETS
)
IN_HAND: Final = Gauge("stationbook_requests_in_hand", "Requests being answered now.", multiprocess_mode="livesum")
REFUSALS: Final = Counter("stationbook_refusals", "What callers were refused with, by code.", ["code"])
SIGN_INS: Final = Counter("stationbook_sign_ins", "Attempts to sign in, by what became of them.", ["outcome"])
BOOKINGS: Final = Counter(
    "stationbook_bookings",
    "Attempts to change a booking: what was wanted, and “done” or the code of the refusal.",
    ["action", "outcome"],
)
MAILS: Final = Counter(
    "stationbook_mails", "Attempts to send an email, by its kind and what became of them.", ["kind", "outcome"]
)
CALENDARS_RENDERED: Final = Counter(
    "stationbook_calendars_rendered", "Calendars rendered; the others were shown as rendered before.", ["view"]
)
LOCK_WAITS: Final = Histogram(
    "stationbook_lock_wait_seconds",
    "How long a change waited for its turn: at its station, or with SQLite at the one place for all writers.",
    ["on"],
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
DATABASE_ERRORS: Final = Counter(
    "stationbook_database_errors", "What the database refused, or was away for, by its kind.", ["kind"]
)
DISK_FULL: Final = Counter("stationbook_disk_full", "What the database could not save, for its disk was full.")

for _meter, _values in {
    SIGN_INS: ("done", "refused", "waits"),
    LOCK_WAITS: ("station",),
    DATABASE_ERRORS: ("OperationalError", "InterfaceError", "IntegrityError", "DataError", "ProgrammingError"),
    REFUSALS: ("throttled", "permission_denied", "not_found", "not_authenticated"),
}.items():
    for _value in _values:
        _meter.labels(_value)  # is there from the start: what begins with its first event shows no growth at it
for _view in ("week", "month", "day", "agenda", "stations"):
    CALENDARS_RENDERED.labels(_view)
for _action in ("create", "import", "reschedule", "status", "edit", "amend"):
    BOOKINGS.labels(_action, "done")


@contextmanager
def waiting(on: str) -> Iterator[None]:
    """What is inside waits for a lock."""
    began = perf_counter()
    try:
        yield
    finally:
        LOCK_WAITS.labels(on).observe(perf_counter() - began)


def refused(code: str) -> None:
    REFUSALS.labels(code).inc()


def failed(error: Error) -> None:
    """A database error; once, however many look at it on its way."""
    if not hasattr(error, "is_counted"):
        error.is_counted = True  # type: ignore[attr-defined]
        DATABASE_ERRORS.labels(type(error).__name__).inc()
        if is_disk_full(error):
            DISK_FULL.inc()
            disk_full.note()


@contextmanager
def dispensable() -> Iterator[None]:
    """What is written inside is not needed by whoever reads: while the disk is full it is left out."""
    try:
        yield
    except OperationalError as error:
        if not is_disk_full(error):
            raise
        failed(error)
