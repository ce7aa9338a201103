"""What a probe is told of the product's health, and that nothing stands between it and the answer."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone

from bookings.models import Mail, WorkerBeat
from bookings.models.mail_state import Problem, State
from bookings.operations import clock_check, worker
from bookings.operations.clock_check import ClockWatch
from bookings.operations.heartbeat import Heartbeat
from config.observability import health, probes
from core.version import VERSION
from stations.models import Station
from tests.bookings.mails.test_outbox import create
from tests.config.test_settings import PRODUCTION, read
from tests.test_headers import ALWAYS, POLICY, guards

ALL = ("live", "web", "ready")


@pytest.fixture
def working(db: None, settings: LazySettings) -> None:
    """A worker is there, and a mail server."""
    settings.MAIL_SERVER = {"EMAIL_HOST": "mail.example.com"}
    Heartbeat().beat(timezone.now())


def ask(name: str) -> tuple[int, dict[str, Any]]:
    answer = Client().get(f"/health/{name}")
    return answer.status_code, answer.json()


def failing(name: str) -> dict[str, str]:
    status, body = ask(name)
    found = {name: check["says"] for name, check in body["checks"].items() if not check["ok"]}
    assert (status, body["ok"]) == ((503, False) if found else (200, True))
    return found


def test_health_of_a_product_that_works(working: None) -> None:
    process = {"ok": True, "says": "The process responds."}
    assert ask("live") == (200, {"ok": True, "checks": {"process": process}, "version": VERSION})
    assert ask("ready") == (
        200,
        {
            "ok": True,
            "checks": {
                "database": {"ok": True, "says": "The database responds."},
                "migrations": {"ok": True, "says": "All migrations are applied."},
                "disk": {"ok": True, "says": "The database's disk has space."},
                "clock": {"ok": True, "says": "The clock is plausible."},
                "worker": {"ok": True, "says": "A worker is running."},
                "mails": {"ok": True, "says": "No email is overdue."},
            },
        },
    )


def test_health_without_a_database(working: None) -> None:
    def away(*_call: Any) -> Any:
        raise OperationalError("connection to server at db.internal failed")

    unknown = "Unknown: the database does not respond."
    with connection.execute_wrapper(away):
        assert failing("live") == {}
        assert failing("web") == {"database": "The database does not respond.", "migrations": unknown}
        assert failing("ready") == {
            "database": "The database does not respond.",
            "migrations": unknown,
            "disk": unknown,
            "clock": unknown,
            "worker": unknown,
            "mails": unknown,
        }


def test_health_with_a_migration_to_come(working: None) -> None:
    MigrationRecorder(connection).record_unapplied("bookings", "0001_initial")

    says = {"migrations": "1 migrations are not applied. Run manage.py migrate."}
    assert (failing("live"), failing("web"), failing("ready")) == ({}, says, says)


def test_health_beside_a_newer_release(working: None) -> None:
    MigrationRecorder(connection).record_applied("bookings", "9999_of_tomorrow")

    assert failing("ready") == {}


def test_health_without_a_worker(working: None) -> None:
    WorkerBeat.objects.all().delete()

    assert failing("ready") == {"worker": "No worker has ever run. Start manage.py deliver."}
    assert failing("web") == {}


def test_health_with_a_worker_that_fell_silent(working: None) -> None:
    WorkerBeat.objects.update(seen_at=timezone.now() - timedelta(seconds=301))

    assert failing("ready")["worker"].startswith("No worker has run for 5 minutes.")


def test_health_with_one_of_two_workers_is_good(working: None) -> None:
    Heartbeat().beat(timezone.now() - timedelta(hours=1))

    assert failing("ready") == {}


def test_health_with_a_heartbeat_that_a_wrong_clock_dated_ahead(working: None) -> None:
    WorkerBeat.objects.update(seen_at=timezone.now() + timedelta(days=30))

    assert failing("ready") == {"worker": "No worker has ever run. Start manage.py deliver."}


def test_health_with_a_round_that_does_not_end(working: None) -> None:
    """A second worker that works on hides nothing."""
    WorkerBeat.objects.update(round="retention", round_seconds=899)
    before = failing("ready")
    WorkerBeat.objects.update(round_seconds=960)
    Heartbeat().beat(timezone.now())

    assert before == {}
    assert failing("ready") == {
        "worker": "A worker has been busy with “retention” for 16 minutes. Check its log and restart it."
    }


def test_health_minds_no_round_of_a_worker_that_was_killed(working: None) -> None:
    WorkerBeat.objects.update(seen_at=timezone.now() - timedelta(minutes=3), round="retention", round_seconds=960)
    Heartbeat().beat(timezone.now())

    assert failing("ready") == {}


def test_health_with_a_clock_that_leapt(working: None) -> None:
    clock_check.confirm(timezone.now() - timedelta(days=20))
    ClockWatch().observe(timezone.now())

    found = failing("ready")

    assert list(found) == ["clock"]
    assert found["clock"].startswith("The clock leapt from ")
    assert failing("web") == {}


@pytest.mark.parametrize("ahead", [timedelta(minutes=6), -timedelta(minutes=6)])
def test_health_with_a_clock_that_is_not_the_database_s(
    working: None, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    monkeypatch.setattr(clock_check, "difference_to_database", lambda: ahead)

    assert failing("ready")["clock"].startswith("The clocks of this machine and of the database differ by ")


def test_health_with_a_mail_that_should_have_gone(working: None, station: Station) -> None:
    create(station)
    Mail.objects.update(due_at=timezone.now() - timedelta(seconds=890))
    before = failing("ready")
    Mail.objects.update(due_at=timezone.now() - timedelta(seconds=910))

    assert before == {}
    assert failing("ready")["mails"].startswith("An email has been overdue for 15 minutes.")


def test_health_while_the_mail_server_is_away(working: None, station: Station) -> None:
    """Each attempt puts the mail off until now: what counts is when it was made."""
    create(station)
    now = timezone.now()
    Mail.objects.update(due_at=now, created_at=now - timedelta(hours=1), problem=Problem.AWAY)

    assert failing("ready")["mails"].startswith("An email has been overdue for 60 minutes.")


def test_health_minds_no_mail_that_waits_for_its_time(working: None, station: Station) -> None:
    create(station)
    now = timezone.now()
    Mail.objects.update(due_at=now + timedelta(minutes=1), created_at=now - timedelta(days=1))

    assert failing("ready") == {}


def test_health_minds_no_mail_that_is_settled(working: None, station: Station) -> None:
    create(station)
    Mail.objects.update(due_at=timezone.now() - timedelta(days=1), state=State.FAILED)

    assert failing("ready") == {}


def test_health_without_a_mail_server_minds_no_mails(working: None, settings: LazySettings, station: Station) -> None:
    settings.MAIL_SERVER = {}
    create(station)
    Mail.objects.update(due_at=timezone.now() - timedelta(days=1))

    assert failing("ready") == {}


def test_worker_that_beats_again_is_the_same_one(db: None) -> None:
    beat, now = Heartbeat().beat, timezone.now()

    beat(now)
    beat(now + timedelta(seconds=15))

    assert WorkerBeat.objects.get().seen_at == now + timedelta(seconds=15)


def test_workers_of_yesterday_are_forgotten(db: None) -> None:
    now = timezone.now()
    for ago in (timedelta(hours=25), timedelta(hours=23)):
        Heartbeat().beat(now - ago)

    worker.tidy(now)

    assert WorkerBeat.objects.count() == 1


@pytest.mark.parametrize("name", ALL)
def test_probe_reaches_its_answer_by_any_way(working: None, settings: LazySettings, name: str) -> None:
    """By plain HTTP, under the name of a machine that nobody was told of, behind a proxy or not."""
    found = read(**PRODUCTION)
    settings.SECURE_SSL_REDIRECT, settings.SECURE_REDIRECT_EXEMPT = True, found["SECURE_REDIRECT_EXEMPT"]
    settings.ALLOWED_HOSTS = found["ALLOWED_HOSTS"]

    answer = Client(headers={"Host": "10.0.0.7:8000"}).get(f"/health/{name}")
    elsewhere = Client(headers={"Host": "book.example.com"}).get(f"/health/{name}/x")

    assert (answer.status_code, answer.cookies, answer["Cache-Control"]) == (200, {}, "no-store")
    assert elsewhere.status_code == 301


def test_probe_only_reads(working: None) -> None:
    assert Client().post("/health/ready").status_code == 405
    assert Client().head("/health/ready").status_code == 200


@pytest.mark.parametrize("address", [*probes.VIEWS])
def test_probe_s_answer_tells_browsers_what_every_answer_does(working: None, address: str) -> None:
    assert guards(Client().get(address)) == {**ALWAYS, "Cache-Control": "no-store", "Content-Security-Policy": POLICY}


# --- asked too often -------------------------------------------------------------------------------------------------


@pytest.fixture
def cached(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in production, with nothing found out yet."""
    settings.HEALTH_CACHE_SECONDS = 3
    monkeypatch.setattr(health, "_web", health.CachedChecks(health.database, health.migrations))
    monkeypatch.setattr(
        health, "_ready", health.CachedChecks(health.database, health.migrations, health.worker, health.mails)
    )


@pytest.mark.parametrize("name", ["web", "ready"])
def test_health_asked_often_works_the_database_once(
    working: None, cached: None, name: str, django_assert_num_queries: Any
) -> None:
    first = ask(name)

    with django_assert_num_queries(0):
        again = [ask(name) for _time in range(50)]

    assert again == [first] * 50


def test_health_is_looked_at_again_after_some_seconds(working: None, cached: None, monkeypatch: Any) -> None:
    first = ask("ready")
    WorkerBeat.objects.all().delete()
    soon = ask("ready")
    later = time.monotonic() + 3
    monkeypatch.setattr("config.observability.health.time.monotonic", lambda: later)

    assert (first[0], soon[0], ask("ready")[0]) == (200, 200, 503)


def test_health_that_is_being_looked_at_keeps_no_other_request_waiting(working: None, cached: None) -> None:
    """A database that hangs would hold every thread of a process."""
    known = health._ready.checks()
    health._ready._expires = 0

    with health._ready._lock:
        assert health._ready.checks() == known
