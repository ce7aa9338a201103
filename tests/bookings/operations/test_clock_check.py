"""A clock that leaps is noticed, and nothing is erased or expired until it is put right, believed or confirmed."""

from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from accounts.customers import Contact
from accounts.models import Customer, IdempotencyKey
from bookings.models import ClockReading, RetentionNotice, WorkerBeat
from bookings.operations import clock_check, worker
from bookings.operations.clock_check import ClockWatch
from stations.models import Station
from tests.factories import booking
from tests.worker_stops import StopAtFirstPause

NOW = datetime(2031, 3, 7, 12, tzinfo=UTC)
WEEKS = timedelta(days=30)


class SteadyClock:
    """What no clock on a wall changes; time passes on it as a test says."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> SteadyClock:
    clock = SteadyClock()
    monkeypatch.setattr(clock_check, "steady_seconds", clock)
    return clock


@pytest.fixture
def watch(db: None, steady: SteadyClock) -> ClockWatch:
    """A worker that has looked at a clock which was right."""
    watch = ClockWatch()
    watch.observe(NOW)
    return watch


def in_doubt() -> bool:
    return ClockReading.objects.get().in_doubt_since is not None


def pass_time(steady: SteadyClock, watch: ClockWatch, since: datetime, **passed: float) -> datetime:
    """So much time passes, and the clock goes on from `since`; what it says then."""
    now = since + timedelta(**passed)
    steady.seconds += timedelta(**passed).total_seconds()
    watch.observe(now)
    return now


def test_clock_that_goes_on_is_in_no_doubt(watch: ClockWatch, steady: SteadyClock) -> None:
    pass_time(steady, watch, NOW, days=20)

    assert (in_doubt(), ClockReading.objects.get().latest_at) == (False, NOW + timedelta(days=20))


@pytest.mark.parametrize(("leap", "is_in_doubt"), [(timedelta(minutes=59), False), (timedelta(minutes=62), True)])
def test_clock_that_leaps_under_a_running_worker_is_noticed(
    watch: ClockWatch, steady: SteadyClock, leap: timedelta, is_in_doubt: bool
) -> None:
    pass_time(steady, watch, NOW + leap, minutes=1)

    assert in_doubt() == is_in_doubt


@pytest.mark.parametrize(("leap", "is_in_doubt"), [(timedelta(days=7), False), (timedelta(days=7, minutes=1), True)])
def test_clock_that_leapt_while_no_worker_ran_is_noticed(
    watch: ClockWatch, leap: timedelta, is_in_doubt: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ClockWatch().observe(NOW + leap)

    assert in_doubt() == is_in_doubt
    assert ("The clock leapt from 2031-03-07 12:00 to " in caplog.text) == is_in_doubt


def test_first_look_compares_with_the_audit_log(station: Station) -> None:
    with time_machine.travel(NOW, tick=False):
        booking(station)

    ClockWatch().observe(NOW + WEEKS)

    assert in_doubt()


def test_first_look_at_an_empty_database_finds_nothing(db: None) -> None:
    ClockWatch().observe(NOW)

    assert not in_doubt()


def test_heartbeats_are_looked_at_first(db: None) -> None:
    WorkerBeat.objects.create(seen_at=NOW - WEEKS)

    ClockWatch().observe(NOW)

    assert in_doubt()


def test_leap_that_is_put_right_ends_the_doubt(watch: ClockWatch, steady: SteadyClock) -> None:
    leapt = pass_time(steady, watch, NOW + WEEKS, minutes=1)
    leapt = pass_time(steady, watch, leapt, hours=5)
    still = in_doubt()
    pass_time(steady, watch, NOW + timedelta(hours=5), minutes=2)

    assert (still, in_doubt()) == (True, False)
    assert ClockReading.objects.get().latest_at == NOW + timedelta(hours=5, minutes=2)


def test_leap_that_is_put_right_by_half_stays_in_doubt(watch: ClockWatch, steady: SteadyClock) -> None:
    pass_time(steady, watch, NOW + 2 * WEEKS, minutes=1)
    pass_time(steady, watch, NOW + WEEKS, minutes=2)

    assert in_doubt()


def test_clock_that_is_put_back_and_right_again_is_in_no_doubt(watch: ClockWatch, steady: SteadyClock) -> None:
    pass_time(steady, watch, NOW - WEEKS, minutes=1)
    behind = in_doubt()
    pass_time(steady, watch, NOW, minutes=2)

    assert (behind, in_doubt()) == (False, False)


def test_clock_that_runs_steadily_for_three_days_is_believed(watch: ClockWatch, steady: SteadyClock) -> None:
    now = pass_time(steady, watch, NOW + WEEKS, minutes=1)
    now = pass_time(steady, watch, now, days=2, hours=23)
    before = in_doubt()
    pass_time(steady, watch, now, hours=1)

    assert (before, in_doubt()) == (True, False)


def test_days_of_steady_running_begin_again_with_another_leap(watch: ClockWatch, steady: SteadyClock) -> None:
    now = pass_time(steady, watch, NOW + WEEKS, minutes=1)
    now = pass_time(steady, watch, now + WEEKS, days=2)
    pass_time(steady, watch, now, days=2)

    assert in_doubt()


def test_worker_that_is_started_again_keeps_the_doubt(watch: ClockWatch, steady: SteadyClock) -> None:
    now = pass_time(steady, watch, NOW + timedelta(hours=3), minutes=1)

    ClockWatch().observe(now + timedelta(minutes=1))

    assert in_doubt()


def left() -> tuple[int, int]:
    return Customer.objects.kept().count(), IdempotencyKey.objects.count()


def test_worker_erases_and_expires_nothing_under_a_clock_that_leapt(
    station: Station, database_clock_follows: None, caplog: pytest.LogCaptureFixture
) -> None:
    with time_machine.travel(NOW, tick=False):
        Station.objects.update(retention_months=1)
        booking(station, NOW.date(), time(18), customer=Contact("Ana", "ana@example.com"))
        IdempotencyKey.objects.create(digest=b"1", fingerprint=b"2")
        RetentionNotice.objects.create(station=station, months=1, customers=1, created_at=NOW, sent_at=NOW)
        worker.run_housekeeping(StopAtFirstPause())
    with time_machine.travel(NOW + 4 * WEEKS, tick=False):
        worker.run_housekeeping(StopAtFirstPause())
        kept = left()
        clock_check.confirm(timezone.now())
        worker.run_housekeeping(StopAtFirstPause())

    assert (kept, left()) == ((1, 1), (0, 0))
    assert "Nothing is erased or expired. The clock leapt from 2031-03-07 12:00 to 2031-07-05 12:00 UTC." in caplog.text


@pytest.mark.postgresql
def test_worker_whose_clock_is_not_the_database_s_erases_and_expires_nothing(
    db: None, caplog: pytest.LogCaptureFixture
) -> None:
    real = timezone.now()
    IdempotencyKey.objects.create(digest=b"1", fingerprint=b"2", created_at=real - timedelta(days=2))
    with time_machine.travel(real + timedelta(minutes=7)):
        worker.run_housekeeping(StopAtFirstPause())
        kept = IdempotencyKey.objects.count()
    worker.run_housekeeping(StopAtFirstPause())

    assert (kept, IdempotencyKey.objects.count()) == (1, 0)
    assert "Nothing is erased or expired. The clocks of this machine and of the database differ by 0:0" in caplog.text


def test_sqlite_has_no_clock_to_differ_from(db: None) -> None:
    difference = abs(clock_check.difference_to_database())

    assert difference == timedelta(0) if connection.vendor == "sqlite" else difference < timedelta(minutes=1)
