"""Customers are kept as long as their station says, and no longer."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.customers import Contact
from accounts.models import AuditEntry, Customer
from bookings.models import RetentionNotice
from bookings.models.status import Status
from bookings.operations import clock_check, worker
from bookings.operations.clock_check import ClockWatch
from bookings.privacy import retention
from stations.models import Station
from tests.bookings.importing.commands import run
from tests.factories import booking, customer, open_station
from tests.worker_stops import StopAtFirstPause

NOW = datetime(2031, 3, 7, 12, tzinfo=UTC)
LIMIT = date(2030, 3, 7)
"""A year before, by the station's calendar."""


@pytest.fixture
def station(station: Station) -> Station:
    Station.objects.update(retention_months=12)
    station.refresh_from_db()
    return station


def books(station: Station, name: str, *days: date, status: Status = Status.COMPLETED) -> None:
    for day in days:
        booking(station, day, time(18), customer=Contact(name, f"{name}@example.com"), status=status)


def kept() -> set[str]:
    return {one.name for one in Customer.objects.kept()}


def retain(*, dry_run: bool = False) -> list[tuple[str, date, int]]:
    return [(one.station.code, one.before, one.erased) for one in retention.apply_rules(NOW, dry_run=dry_run)]


def test_whose_last_booking_is_too_long_ago_is_erased(station: Station) -> None:
    a_day = timedelta(days=1)
    books(station, "before", LIMIT - a_day, LIMIT - 400 * a_day)
    books(station, "since", LIMIT, LIMIT - a_day)
    books(station, "ahead", LIMIT - a_day, NOW.date() + a_day)
    books(station, "cancelled", LIMIT - a_day, NOW.date() - a_day, status=Status.CANCELLED)

    assert retain() == [("kitchen", LIMIT, 1)]
    assert kept() == {"since", "ahead", "cancelled"}
    assert retain() == [("kitchen", LIMIT, 0)]


def test_booking_that_passes_the_limits_midnight_has_ended_since(station: Station) -> None:
    late = open_station(code="bar", hours=[23], minutes=120, retention_months=12)
    booking(late, LIMIT - timedelta(days=1), time(23), customer=Contact("Late", "late@example.com"))

    assert retain() == [("bar", LIMIT, 0), ("kitchen", LIMIT, 0)]


def test_customer_who_never_booked_is_kept_from_when_they_were_made(station: Station) -> None:
    for name, day in (("old", LIMIT - timedelta(days=1)), ("new", LIMIT)):
        with time_machine.travel(datetime.combine(day, time(12), UTC), tick=False):
            customer(station, name, f"{name}@example.com")

    assert retain() == [("kitchen", LIMIT, 1)]
    assert kept() == {"new"}


def test_station_without_a_rule_keeps_everybody(station: Station) -> None:
    other = open_station(code="bar")
    books(other, "there", LIMIT - timedelta(days=9))
    books(station, "here", LIMIT - timedelta(days=9))

    assert retain() == [("kitchen", LIMIT, 1)]
    assert kept() == {"there"}


@pytest.mark.parametrize(
    ("now", "months", "zone", "day"),
    [
        (datetime(2031, 3, 31, 12, tzinfo=UTC), 1, "UTC", date(2031, 2, 28)),
        (datetime(2032, 2, 29, 12, tzinfo=UTC), 12, "UTC", date(2031, 2, 28)),
        (datetime(2031, 1, 15, 12, tzinfo=UTC), 1, "UTC", date(2030, 12, 15)),
        (datetime(2031, 1, 15, 12, tzinfo=UTC), 25, "UTC", date(2028, 12, 15)),
        (datetime(2031, 1, 15, 23, tzinfo=UTC), 1, "Asia/Tokyo", date(2030, 12, 16)),
        (datetime(2031, 1, 15, 2, tzinfo=UTC), 1, "America/New_York", date(2030, 12, 14)),
        (datetime(2031, 1, 15, 2, tzinfo=UTC), 600, "UTC", date(1981, 1, 15)),
    ],
)
def test_months_are_counted_by_the_stations_calendar(now: datetime, months: int, zone: str, day: date) -> None:
    station = Station(time_zone=zone, retention_months=months)

    assert retention.first_retained_day(station, now) == day


def test_dry_run_counts_the_same_and_changes_nothing(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH_SIZE", 2)
    for number in range(5):
        books(station, f"n{number}", LIMIT - timedelta(days=number + 1))
    entries = AuditEntry.objects.count()

    counted = retain(dry_run=True)
    unchanged = (len(kept()), AuditEntry.objects.count())

    assert (counted, unchanged) == ([("kitchen", LIMIT, 5)], (5, entries))
    assert (retain(), kept()) == (counted, set())


def test_erased_by_retention_says_so_in_the_trail(station: Station) -> None:
    books(station, "old", LIMIT - timedelta(days=1))

    retain()

    entry = AuditEntry.objects.get(event="erased", object_pk=str(Customer.objects.get().pk))
    assert (entry.actor, entry.channel, entry.station) == (None, "command", station)


def test_killed_between_two_lots_it_goes_on(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH_SIZE", 2)
    for number in range(5):
        books(station, f"n{number}", LIMIT - timedelta(days=number + 1))
    retention._erase_batch(station, LIMIT)
    assert len(kept()) == 3

    assert retain() == [("kitchen", LIMIT, 3)]


def test_command_tells_each_station_and_all_of_them(station: Station, database_clock_follows: None) -> None:
    open_station(code="bar", retention_months=1)
    with time_machine.travel(NOW, tick=False):
        books(station, "old", LIMIT - timedelta(days=1))
        would, does = run("retain", "--dry-run"), run("retain")

    assert would.out == (
        "bar: 0 would be erased, whose last booking ended before 2031-02-07.\n"
        "kitchen: 1 would be erased, whose last booking ended before 2030-03-07.\n"
        "1 would be erased.\n"
    )
    assert does.out == would.out.replace("would be erased", "erased")


def noticed(station: Station, sent_at: datetime) -> None:
    """Its managers were told then."""
    RetentionNotice.objects.create(
        station=station, months=station.retention_months or 0, customers=1, created_at=sent_at, sent_at=sent_at
    )


def test_worker_whose_clock_is_wrong_erases_few_and_says_so(
    station: Station, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retention, "DAILY_MINIMUM", 2)
    for number in range(5):
        books(station, f"guest{number}", NOW.date() + timedelta(days=number))
    noticed(station, NOW)
    wrong = NOW + timedelta(days=40 * 365)

    with time_machine.travel(wrong, tick=False):
        worker.retain(wrong)
        worker.retain(wrong + timedelta(hours=1))
        left_on_the_first_day = len(kept())
    with time_machine.travel(wrong + timedelta(days=2), tick=False):
        worker.retain(wrong + timedelta(days=2))

    assert (left_on_the_first_day, len(kept())) == (3, 1)
    assert [record.message.partition(" of ")[0] for record in caplog.records if record.levelname == "WARNING"] == [
        "3 more customers",
        "3 more customers",
        "1 more customers",
    ]


@pytest.mark.parametrize(("customers", "erased", "allowed"), [(10, 0, 20), (1000, 0, 50), (999, 1, 49), (30, 20, 0)])
def test_worker_may_erase_a_share_of_a_large_station_a_day(
    station: Station, customers: int, erased: int, allowed: int
) -> None:
    made = [
        Customer(station=station, name="", erased_at=NOW if n < erased else None) for n in range(customers + erased)
    ]
    Customer.objects.bulk_create(made)

    assert retention.daily_allowance(station, NOW + timedelta(hours=1)) == allowed


def test_erasures_that_a_wrong_clock_dated_ahead_use_up_no_allowance(station: Station) -> None:
    made = [Customer(station=station, name="", erased_at=NOW + timedelta(days=30)) for _number in range(20)]
    Customer.objects.bulk_create(made)

    assert retention.daily_allowance(station, NOW) == 20


@pytest.mark.postgresql
def test_command_under_a_clock_that_is_not_the_database_s_erases_nobody(station: Station) -> None:
    books(station, "old", timezone.now().date() - timedelta(days=800))
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        refused = run("retain")
        confirmed = run("confirm_clock")

    assert (refused.status, confirmed.status, kept()) == (1, 1, {"old"})


def test_command_under_a_clock_in_doubt_erases_nobody(station: Station, database_clock_follows: None) -> None:
    with time_machine.travel(NOW, tick=False):
        books(station, "old", LIMIT - timedelta(days=1))
        clock_check.confirm(NOW - timedelta(days=20))
        ClockWatch().observe(NOW)
        refused, counted = run("retain"), run("retain", "--dry-run")
        confirmed = run("confirm_clock")
        erased = run("retain")

    assert (refused.status, refused.err.partition(".")[0]) == (1, "Nobody was erased")
    assert "1 would be erased." in counted.out
    assert confirmed.out == "The clock is trusted. It is 2031-03-07 12:00:00 UTC.\n"
    assert "1 erased." in erased.out


def test_worker_without_a_mail_server_erases_too(station: Station) -> None:
    books(station, "old", timezone.now().date() - timedelta(days=800))
    noticed(station, timezone.now() - timedelta(days=7))

    worker.run_housekeeping(StopAtFirstPause())

    assert kept() == set()
