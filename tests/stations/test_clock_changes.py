"""Local time and instants where the clock is moved: what spring skips, what autumn has twice, and the ends of the calendar."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dates import FIRST_DATE, LAST_DATE
from stations.errors import NoSuchSlot
from stations.models import Opening
from stations.timetable import Timetable, instant

ZONES = [
    "Pacific/Auckland",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "UTC",
    "America/Havana",
    "Africa/Cairo",
    "Pacific/Apia",
]

SPRING = [
    # zone, night, the last minute before the gap, the gap's first and last minute, the first minute after
    ("Pacific/Auckland", date(2026, 9, 27), "01:59", "02:00", "02:59", "03:00"),
    ("America/New_York", date(2026, 3, 8), "01:59", "02:00", "02:59", "03:00"),
    ("Europe/Berlin", date(2026, 3, 29), "01:59", "02:00", "02:59", "03:00"),
    ("Australia/Lord_Howe", date(2026, 10, 4), "01:59", "02:00", "02:29", "02:30"),
]
MIDNIGHT = [("America/Havana", date(2026, 3, 8)), ("Africa/Cairo", date(2026, 4, 24))]
"""Zones whose spring skips the first hour of the day."""

AUTUMN = [
    # zone, night, the first minute that is there twice, its instant, the hours or half-hours between the two
    ("Pacific/Auckland", date(2026, 4, 5), "02:00", datetime(2026, 4, 4, 13, tzinfo=UTC), 60),
    ("America/New_York", date(2026, 11, 1), "01:00", datetime(2026, 11, 1, 5, tzinfo=UTC), 60),
    ("Europe/Berlin", date(2026, 10, 25), "02:00", datetime(2026, 10, 25, 0, tzinfo=UTC), 60),
    ("Australia/Lord_Howe", date(2026, 4, 5), "01:30", datetime(2026, 4, 4, 14, 30, tzinfo=UTC), 30),
    ("America/Havana", date(2026, 11, 1), "00:00", datetime(2026, 11, 1, 4, tzinfo=UTC), 60),
]


def at(zone: str, day: date, local: str) -> datetime | None:
    return instant(ZoneInfo(zone), day, time.fromisoformat(local))


def open_every(zone: str, minutes: int) -> Timetable:
    """Around the clock, all week."""
    return Timetable(
        ZoneInfo(zone),
        [
            Opening(weekday=weekday, start=time(minute // 60, minute % 60), minutes=minutes, capacity=1)
            for weekday in range(7)
            for minute in range(0, 24 * 60, minutes)
        ],
        [],
    )


@pytest.mark.parametrize(("zone", "night", "before", "first", "last", "after"), SPRING)
def test_instant_refuses_what_spring_skips(
    zone: str, night: date, before: str, first: str, last: str, after: str
) -> None:
    assert [at(zone, night, local) for local in (first, last)] == [None, None]


@pytest.mark.parametrize(("zone", "night", "before", "first", "last", "after"), SPRING)
def test_instants_around_the_gap_are_a_minute_apart(
    zone: str, night: date, before: str, first: str, last: str, after: str
) -> None:
    early, late = at(zone, night, before), at(zone, night, after)

    assert early is not None
    assert late == early + timedelta(minutes=1)


@pytest.mark.parametrize(("zone", "night"), MIDNIGHT)
def test_instant_refuses_the_first_hour_where_midnight_is_skipped(zone: str, night: date) -> None:
    assert [at(zone, night, local) for local in ("00:00", "00:59")] == [None, None]
    assert at(zone, night, "01:00") == (at(zone, night - timedelta(days=1), "23:00") or datetime.max) + timedelta(
        hours=1
    )


def test_instant_refuses_a_date_that_was_skipped_whole() -> None:
    assert [at("Pacific/Apia", date(2011, 12, 30), local) for local in ("00:00", "12:00", "23:59")] == [None] * 3


@pytest.mark.parametrize(("zone", "night", "local", "first", "between"), AUTUMN)
def test_instant_is_the_first_of_two(zone: str, night: date, local: str, first: datetime, between: int) -> None:
    again = (first + timedelta(minutes=between)).astimezone(ZoneInfo(zone))

    assert at(zone, night, local) == first
    assert f"{again:%H:%M}" == local


def test_instant_is_the_first_of_two_even_where_the_second_is_asked_for() -> None:
    second = time(2, 30, fold=1)

    assert instant(ZoneInfo("Europe/Berlin"), date(2026, 10, 25), second) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "night", "minutes", "fewer"),
    [
        ("Pacific/Auckland", date(2026, 9, 27), 30, 2),
        ("America/New_York", date(2026, 3, 8), 30, 2),
        ("Europe/Berlin", date(2026, 3, 29), 30, 2),
        ("Australia/Lord_Howe", date(2026, 10, 4), 30, 1),
        ("Australia/Lord_Howe", date(2026, 10, 4), 15, 2),
        ("America/Havana", date(2026, 3, 8), 30, 2),
        ("Africa/Cairo", date(2026, 4, 24), 60, 1),
        ("Asia/Kolkata", date(2026, 3, 29), 30, 0),
        ("UTC", date(2026, 3, 29), 30, 0),
        ("Europe/Berlin", date(2026, 10, 25), 30, 0),
        ("Australia/Lord_Howe", date(2026, 4, 5), 30, 0),
    ],
)
def test_a_day_lacks_only_the_slots_that_its_clock_skips(zone: str, night: date, minutes: int, fewer: int) -> None:
    assert len(open_every(zone, minutes).slots_of(night)) == 24 * 60 // minutes - fewer


def test_a_row_does_not_jump_the_slot_that_spring_skips() -> None:
    with pytest.raises(NoSuchSlot, match="Only 1 of 2"):
        open_every("Europe/Berlin", 60).consecutive_slots(date(2026, 3, 29), time(1), 2)


def test_a_slot_through_the_spring_gap_lasts_its_minutes() -> None:
    slot = open_every("Europe/Berlin", 90).find(date(2026, 3, 29), time(1, 30))

    assert slot is not None
    assert (slot.starts_at, slot.ends_at) == (
        datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
        datetime(2026, 3, 29, 2, 0, tzinfo=UTC),
    )


def test_a_row_through_autumn_s_double_hour_follows_the_local_clock() -> None:
    row = open_every("Europe/Berlin", 60).consecutive_slots(date(2026, 10, 25), time(2), 2)

    assert [(slot.start, slot.starts_at.hour, slot.ends_at.hour) for slot in row] == [(time(2), 0, 1), (time(3), 2, 3)]


def test_a_slot_that_passes_midnight_into_the_change_lasts_its_minutes() -> None:
    eve = Opening(weekday=5, start=time(23), minutes=240, capacity=1)
    slot = Timetable(ZoneInfo("Australia/Lord_Howe"), [eve], []).find(date(2026, 10, 3), time(23))

    assert slot is not None
    assert slot.ends_at.astimezone(ZoneInfo("Australia/Lord_Howe")).replace(tzinfo=None) == datetime(2026, 10, 4, 3, 30)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", [FIRST_DATE, LAST_DATE], ids=["first day", "last day"])
def test_the_first_and_the_last_date_have_all_their_slots(zone: str, day: date) -> None:
    assert len(open_every(zone, 30).slots_of(day)) == 48


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "day", [date.min, FIRST_DATE - timedelta(days=1), LAST_DATE + timedelta(days=1), date.max], ids=str
)
def test_dates_that_the_product_does_not_know_have_no_slots(zone: str, day: date) -> None:
    assert open_every(zone, 30).slots_of(day) == []


@pytest.mark.parametrize("day", [date.min, date.max], ids=str)
def test_a_row_on_a_date_that_the_product_does_not_know_is_refused_in_words(day: date) -> None:
    with pytest.raises(NoSuchSlot, match="There is no slot at 6"):
        open_every("UTC", 60).consecutive_slots(day, time(18), 1)


@given(
    zone=st.sampled_from(ZONES),
    day=st.dates(date(1990, 1, 1), date(2060, 12, 31)),
    minute=st.integers(0, 24 * 60 - 1),
)
def test_an_instant_is_the_local_time_it_came_from(zone: str, day: date, minute: int) -> None:
    local = time(minute // 60, minute % 60)

    moment = instant(ZoneInfo(zone), day, local)

    if moment is not None:
        there = moment.astimezone(ZoneInfo(zone))
        assert (there.date(), there.time(), there.fold) == (day, local, 0)


@given(
    zone=st.sampled_from(ZONES), day=st.dates(date(1990, 1, 1), date(2060, 12, 31)), minute=st.integers(0, 24 * 60 - 1)
)
def test_no_instant_means_that_no_instant_has_that_local_time(zone: str, day: date, minute: int) -> None:
    local = time(minute // 60, minute % 60)

    if instant(ZoneInfo(zone), day, local) is None:
        around = datetime.combine(day, local, UTC)
        shown = {
            (around + timedelta(minutes=15 * step)).astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
            for step in range(-15 * 4, 15 * 4 + 1)
        }
        assert datetime.combine(day, local) not in shown


@given(zone=st.sampled_from(ZONES), day=st.dates(), local=st.times())
def test_no_date_overflows(zone: str, day: date, local: time) -> None:
    moment = instant(ZoneInfo(zone), day, local)

    assert moment is None or moment.tzinfo is UTC
