"""On a full disk people go on reading; whoever would write hears that nothing was saved."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from accounts.auth import rate_limit_counters
from accounts.models import Session
from bookings.models import Booking
from core.db import disk_full
from core.db.disk_full import is_disk_full
from core.web.error_pages import DISK_FULL
from core.web.notices import NOTICE_KEY
from stations.models import Station
from tests.config.observability.test_health import ask
from tests.factories import PASSWORD, booking, staff

pytestmark = pytest.mark.looks

WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE)\b", re.IGNORECASE)


def full_error() -> OperationalError:
    cause = sqlite3.OperationalError("database or disk is full")
    cause.sqlite_errorcode = sqlite3.SQLITE_FULL
    error = OperationalError(*cause.args)
    error.__cause__ = cause
    return error


def refuse_writes(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    if WRITES.match(sql):
        raise full_error()
    return execute(sql, params, many, context)


@pytest.fixture(autouse=True)
def nothing_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_full, "_last_seen", None)
    monkeypatch.setattr(rate_limit_counters, "_in_memory", rate_limit_counters._InMemory())


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Called where it begins: neither the database nor the file of counters beside it takes anything."""

    def refuse_counts(sql: str, values: Any) -> Any:
        raise full_error()

    def begin() -> Any:
        monkeypatch.setattr(rate_limit_counters, "_execute", refuse_counts)
        return connection.execute_wrapper(refuse_writes)

    return begin


@pytest.fixture
def visitor(transactional_db: None, station: Station) -> Client:
    """Signed in for so long that their presence is noted again, with a notice that is shown once."""
    client = Client(raise_request_exception=False)
    client.force_login(staff(station))
    session = client.session
    session[NOTICE_KEY] = {"text": "Saved."}
    session.save()
    Session.objects.update(last_seen_at=timezone.now() - timedelta(minutes=5))
    return client


@pytest.mark.parametrize(
    "address",
    [
        "/calendar/week/",
        "/calendar/month/",
        "/bookings/{id}/",
        "/accounts/me/",
        "/api/stations/",
        "/api/bookings/{id}/",
    ],
)
def test_pages_and_api_are_read(visitor: Client, station: Station, full_disk: Callable[[], Any], address: str) -> None:
    made = booking(station)

    with full_disk():
        answers = [visitor.get(address.format(id=made.pk)).status_code for _time in range(2)]

    assert answers == [200, 200]


def test_change_by_a_page_is_refused_with_the_reason(
    visitor: Client, station: Station, full_disk: Callable[[], Any]
) -> None:
    made = booking(station)

    with full_disk():
        answer = visitor.post(f"/bookings/{made.pk}/step/", {"status": "cancelled", "version": made.version})

    assert (answer.status_code, str(DISK_FULL).replace("'", "&#x27;") in answer.content.decode()) == (503, True)
    assert Booking.objects.get().status == made.status


def test_change_by_api_is_refused_with_the_reason(
    visitor: Client, station: Station, full_disk: Callable[[], Any]
) -> None:
    made = booking(station)

    with full_disk():
        answer = visitor.post(
            f"/api/bookings/{made.pk}/status/", {"status": "cancelled"}, content_type="application/json"
        )

    assert (answer.status_code, answer.json()["code"], answer.json()["error"]) == (503, "unavailable", str(DISK_FULL))


def test_signing_in_is_refused_with_the_reason(
    transactional_db: None, station: Station, full_disk: Callable[[], Any]
) -> None:
    person = staff(station)

    with full_disk():
        answer = Client(raise_request_exception=False).post(
            "/accounts/login/", {"email": person.email, "password": PASSWORD}
        )

    assert (answer.status_code, "Nothing was saved." in answer.content.decode()) == (503, True)


def test_limits_hold_within_the_process(db: None, full_disk: Callable[[], Any]) -> None:
    with full_disk():
        counts = [rate_limit_counters.add("key", 2**31, hits) for hits in (1, 1, 0, 3)]
        others = rate_limit_counters.add("another", 2**31, 1)

    assert (counts, others) == ([1, 2, 2, 5], 1)


def test_health_says_so_and_pages_are_served_on(
    visitor: Client, station: Station, full_disk: Callable[[], Any]
) -> None:
    with full_disk():
        visitor.get("/calendar/week/")
        (web, _), (_status, ready) = ask("web"), ask("ready")

    assert (web, ready["checks"]["disk"]) == (
        200,
        {"ok": False, "says": "The database's disk is full, so nothing can be saved. Free up some space."},
    )


def test_health_says_so_before_anything_was_refused(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 15 * 1024**2

    monkeypatch.setattr("config.observability.health.shutil.disk_usage", lambda path: Usage)

    assert ask("ready")[1]["checks"]["disk"]["ok"] is False


def refused_by_sqlite(path: Path) -> Iterator[sqlite3.Error]:
    database = sqlite3.connect(path)
    try:
        database.execute("CREATE TABLE kept (text)")
        database.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.OperationalError) as full:
            database.execute("INSERT INTO kept VALUES (?)", ["x" * 100_000])
        yield full.value
        with pytest.raises(sqlite3.OperationalError) as other:
            database.execute("SELECT * FROM nowhere")
        yield other.value
    finally:
        database.close()


def test_full_disk_is_distinguished_from_other_failures(tmp_path: Path) -> None:
    causes: list[Exception] = [
        *refused_by_sqlite(tmp_path / "small.sqlite3"),
        psycopg.errors.DiskFull("could not extend file"),
        psycopg.errors.AdminShutdown("terminating connection"),
    ]

    def wrapped(cause: Exception) -> OperationalError:
        error = OperationalError(*cause.args)
        error.__cause__ = cause
        return error

    assert [is_disk_full(wrapped(cause)) for cause in causes] == [True, False, True, False]
    assert not is_disk_full(ValueError())
