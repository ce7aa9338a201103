"""Each rule of time at the edges of the day and of both clock changes, in six zones and more."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine

from accounts import roles
from bookings import services
from bookings.calendar import read_model
from bookings.errors import NoSuchSlot, Past
from bookings.models import Booking
from bookings.services import Draft, Place
from stations.models import Opening, Station
from tests.factories import booking, open_station

ZONES = (
    "Pacific/Auckland",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "UTC",
)
SPRING = [
    # zone, night, a time that the clock skips, the first one after
    ("Pacific/Auckland", date(2030, 9, 29), time(2, 30), time(3)),
    ("America/New_York", date(2031, 3, 9), time(2, 30), time(3)),
    ("Europe/Berlin", date(2031, 3, 30), time(2, 30), time(3)),
    ("Australia/Lord_Howe", date(2030, 10, 6), time(2, 0), time(2, 30)),
]
AUTUMN = [
    # zone, night, a time that comes twice, its first offset from UTC, the hours from the first to the second
    ("Pacific/Auckland", date(2031, 4, 6), time(2, 30), 13, 1),
    ("America/New_York", date(2030, 11, 3), time(1, 30), -4, 1),
    ("Europe/Berlin", date(2030, 10, 27), time(2, 30), 2, 1),
    ("Australia/Lord_Howe", date(2031, 4, 6), time(1, 45), 11, 0.5),
]


def quarters(zone: str, *, minutes: int = 15) -> Station:
    """Open around the clock in slots of so many minutes."""
    station = open_station(hours=[], time_zone=zone)
    starts = [time(minute // 60, minute % 60) for minute in range(0, 24 * 60, minutes)]
    Opening.objects.bulk_create(
        Opening(station=station, weekday=weekday, start=start, minutes=minutes, capacity=1)
        for weekday in range(7)
        for start in starts
    )
    return station


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("start", [time(0), time(23, 45)])
@pytest.mark.django_db
def test_booking_at_the_edges_of_the_day_stands_on_its_local_date(zone: str, start: time) -> None:
    station = quarters(zone)

    made = booking(station, date(2031, 1, 15), start)

    local = made.starts_at.astimezone(station.zone)
    assert (local.date(), local.time()) == (date(2031, 1, 15), start)
    assert made.ends_at - made.starts_at == timedelta(minutes=15)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.django_db
def test_past_is_the_stations_own(zone: str) -> None:
    station = quarters(zone)
    made = booking(station, date(2031, 1, 20))
    midnight = datetime(2031, 1, 15, tzinfo=station.zone)

    with time_machine.travel(midnight, tick=False):
        with pytest.raises(Past):
            services.reschedule(made.pk, to=Place(date(2031, 1, 15), time(0)), by=roles.OPERATOR)
        with pytest.raises(Past):
            services.create(Draft(station.code, date(2031, 1, 14), time(23, 45)), by=roles.OPERATOR)
        assert services.create(Draft(station.code, date(2031, 1, 15), time(0)), by=roles.OPERATOR)
        moved = services.reschedule(made.pk, to=Place(date(2031, 1, 15), time(0, 15)), by=roles.OPERATOR).booking

    assert moved.starts_at == midnight.astimezone(UTC) + timedelta(minutes=15)


@pytest.mark.parametrize(("zone", "night", "skipped", "after"), SPRING)
@pytest.mark.django_db
def test_time_that_spring_skips_is_no_slot(zone: str, night: date, skipped: time, after: time) -> None:
    station = quarters(zone)
    starts = [cell.slot.start for cell in read_model.slot_availability(station, night, night)[night]]

    assert skipped not in starts
    assert after in starts
    with pytest.raises(NoSuchSlot):
        booking(station, night, skipped)
    made = booking(station, date(2031, 1, 15))
    with pytest.raises(NoSuchSlot):
        services.reschedule(made.pk, to=Place(night, skipped), by=roles.OPERATOR)


@pytest.mark.parametrize(("zone", "night", "skipped", "after"), SPRING)
@pytest.mark.django_db
def test_row_of_slots_does_not_jump_over_the_gap_of_spring(zone: str, night: date, skipped: time, after: time) -> None:
    station = quarters(zone)
    last_before = (datetime.combine(night, time(2)) - timedelta(minutes=15)).time()

    assert booking(station, night, last_before)
    with pytest.raises(NoSuchSlot):
        booking(station, night, last_before, slots=2)
    made = booking(station, night, after, slots=2)
    assert made.ends_at - made.starts_at == timedelta(minutes=30)


@pytest.mark.parametrize(("zone", "night", "twice", "offset", "between"), AUTUMN)
@pytest.mark.django_db
def test_time_that_autumn_has_twice_is_the_first(
    zone: str, night: date, twice: time, offset: int, between: float
) -> None:
    station = quarters(zone)

    made = booking(station, night, twice)

    first = datetime.combine(night, twice, tzinfo=UTC) - timedelta(hours=offset)
    assert made.starts_at == first
    second = datetime.combine(night, twice, tzinfo=station.zone).replace(fold=1)
    assert second.astimezone(UTC) - made.starts_at == timedelta(hours=between)


@pytest.mark.parametrize(("zone", "night", "twice", "offset", "between"), AUTUMN)
@pytest.mark.django_db
def test_end_is_the_last_slots_start_and_its_minutes_in_instants(
    zone: str, night: date, twice: time, offset: int, between: float
) -> None:
    """A row of slots across the change: its first and its last slot are told by the local clock, its end by instants."""
    station = quarters(zone)
    start = (datetime.combine(night, twice) - timedelta(minutes=15)).time()

    made = booking(station, night, start, slots=4)

    last = (datetime.combine(night, twice) + timedelta(minutes=30)).time()
    expected = datetime.combine(night, last, tzinfo=station.zone).astimezone(UTC) + timedelta(minutes=15)
    assert Booking.objects.get(pk=made.pk).ends_at == expected


@pytest.mark.parametrize(("zone", "night", "twice", "offset", "between"), AUTUMN)
@pytest.mark.django_db
def test_past_in_the_hour_that_comes_twice_is_decided_by_instants(
    zone: str, night: date, twice: time, offset: int, between: float
) -> None:
    station = quarters(zone)
    made = booking(station, date(2032, 1, 15))
    first = datetime.combine(night, twice, tzinfo=UTC) - timedelta(hours=offset)

    with time_machine.travel(first, tick=False), pytest.raises(Past):
        services.reschedule(made.pk, to=Place(night, twice), by=roles.OPERATOR)
    with time_machine.travel(first - timedelta(seconds=1), tick=False):
        assert services.reschedule(made.pk, to=Place(night, twice), by=roles.OPERATOR).booking.starts_at == first


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.django_db
def test_slot_that_passes_midnight_ends_on_the_next_day(zone: str) -> None:
    station = open_station(hours=[23], minutes=120, time_zone=zone)

    made = booking(station, date(2031, 1, 15), time(23))

    assert made.ends_at.astimezone(station.zone) == datetime(2031, 1, 16, 1, tzinfo=station.zone)


@pytest.mark.parametrize("day", [date.min, date(1899, 12, 31), date(3000, 1, 1), date.max])
@pytest.mark.django_db
def test_dates_beyond_the_calendar_have_no_slots(day: date) -> None:
    station = quarters("Europe/Berlin")

    assert read_model.slot_availability(station, day, day)[day] == []
    with pytest.raises(NoSuchSlot):
        booking(station, day, time(12))
