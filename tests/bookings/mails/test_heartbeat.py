"""The worker's heartbeat goes on while a round keeps the worker busy, and says which one that is."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from bookings.models import WorkerBeat
from bookings.operations import heartbeat, worker
from bookings.operations.heartbeat import Heartbeat
from bookings.operations.worker import Round

PATIENCE_SECONDS = 30


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the steady clock says."""
    now = [1_000.0]
    monkeypatch.setattr(heartbeat, "monotonic", lambda: now[0])
    return now


def rounds() -> list[tuple[str, int]]:
    return [*WorkerBeat.objects.values_list("round", "round_seconds")]


def test_heartbeat_says_what_the_worker_is_at_and_for_how_long(db: None, moment: list[float]) -> None:
    beats, found = Heartbeat(), []
    with beats.during("retention"):
        moment[0] += 61.5
        beats.beat(timezone.now())
        found += rounds()
    beats.beat(timezone.now())

    assert [*found, *rounds()] == [("retention", 61), ("", 0)]


def test_heartbeat_is_written_every_fifteen_seconds(
    db: None, moment: list[float], django_assert_num_queries: Any
) -> None:
    beats = Heartbeat()
    beats.beat_if_due()
    moment[0] += 14.9
    with django_assert_num_queries(0):
        beats.beat_if_due()
    moment[0] += 0.1
    with django_assert_num_queries(1):
        beats.beat_if_due()


def test_clock_that_is_put_back_stops_no_heartbeat(db: None, moment: list[float], monkeypatch: Any) -> None:
    beats, now = Heartbeat(), timezone.now()
    beats.beat_if_due()
    monkeypatch.setattr(timezone, "now", lambda: now - timedelta(days=1))
    moment[0] += 15
    beats.beat_if_due()

    assert WorkerBeat.objects.get().seen_at == now - timedelta(days=1)


def test_worker_names_each_round_that_it_goes_through(db: None) -> None:
    beats, found = Heartbeat(), []

    def work(now: Any) -> None:
        beats.beat(now)
        found.extend(rounds())

    worker.run_due([Round(work, timedelta(minutes=1), name=name) for name in ("tidying", "retention")], beats)

    assert found == [("tidying", 0), ("retention", 0)]
    assert all(one.name for one in worker.housekeeping())


@pytest.fixture
def quick(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(heartbeat, "POLL_SECONDS", 0.02)


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def test_heartbeat_goes_on_while_a_round_does_not_end(quick: None) -> None:
    beats = Heartbeat()
    with beats.in_background(), beats.during("retention"):
        wait_for(lambda: rounds() == [("retention", 0)])
        first = WorkerBeat.objects.get().seen_at
        wait_for(lambda: WorkerBeat.objects.get().seen_at > first)


def test_heartbeat_outlives_a_database_that_is_away(
    quick: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    beats, write = Heartbeat(), Heartbeat.beat

    def away(*_call: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(Heartbeat, "beat", away)
    with beats.in_background():
        wait_for(lambda: "The worker's heartbeat could not be written: OperationalError gone" in caplog.text)
        monkeypatch.setattr(Heartbeat, "beat", write)
        wait_for(WorkerBeat.objects.exists)
