"""Openings that would be open at once."""

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stations.models import Opening
from stations.timetable import overlapping

MONDAY, TUESDAY, SUNDAY = 0, 1, 6
LAST_SUNDAY, FIRST_MONDAY = date(2031, 3, 9), date(2031, 3, 10)


def opening(weekday: int, start: str, minutes: int, first: date | None = None, last: date | None = None) -> Opening:
    return Opening(weekday=weekday, start=time.fromisoformat(start), minutes=minutes, first_date=first, last_date=last)


def overlap(one: Opening, other: Opening) -> bool:
    assert overlapping([one, other]) in ([], [(one, other)], [(other, one)])
    assert bool(overlapping([one, other])) == bool(overlapping([other, one]))
    return bool(overlapping([one, other]))


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (opening(MONDAY, "18:00", 60), opening(MONDAY, "19:00", 60), False),
        (opening(MONDAY, "18:00", 61), opening(MONDAY, "19:00", 60), True),
        (opening(MONDAY, "18:00", 60), opening(MONDAY, "18:00", 60), True),
        (opening(MONDAY, "18:00", 60), opening(TUESDAY, "18:00", 60), False),
        (opening(MONDAY, "08:00", 720), opening(MONDAY, "12:00", 30), True),
    ],
    ids=["touching", "a minute too long", "the same", "another weekday", "one inside the other"],
)
def test_openings_of_a_day_overlap_where_one_begins_before_the_other_ends(
    one: Opening, other: Opening, found: bool
) -> None:
    assert overlap(one, other) is found


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (opening(MONDAY, "23:00", 60), opening(TUESDAY, "00:00", 60), False),
        (opening(MONDAY, "23:00", 90), opening(TUESDAY, "00:00", 60), True),
        (opening(MONDAY, "23:00", 90), opening(TUESDAY, "00:30", 60), False),
        (opening(SUNDAY, "23:00", 90), opening(MONDAY, "00:00", 60), True),
        (opening(SUNDAY, "23:00", 60), opening(MONDAY, "00:00", 60), False),
        (opening(MONDAY, "23:00", 90), opening(SUNDAY, "00:00", 60), False),
        (opening(MONDAY, "00:01", 1440), opening(TUESDAY, "00:00", 60), True),
        (opening(MONDAY, "00:00", 1440), opening(TUESDAY, "00:00", 1440), False),
    ],
)
def test_an_opening_that_passes_midnight_reaches_into_the_next_weekday(
    one: Opening, other: Opening, found: bool
) -> None:
    assert overlap(one, other) is found


@pytest.mark.parametrize(
    ("last", "first", "found"),
    [
        (date(2031, 3, 9), date(2031, 3, 10), False),
        (date(2031, 3, 10), date(2031, 3, 10), True),
        (date(2031, 3, 12), date(2031, 3, 11), False),
        (date(2031, 3, 17), date(2031, 3, 11), True),
        (None, date(2031, 3, 10), True),
        (date(2031, 3, 10), None, True),
    ],
    ids=["one after the other", "a shared Monday", "no Monday shared", "the next Monday", "for ever", "since ever"],
)
def test_openings_overlap_only_on_a_date_when_both_count(last: date | None, first: date | None, found: bool) -> None:
    assert overlap(opening(MONDAY, "18:00", 60, last=last), opening(MONDAY, "18:30", 60, first=first)) is found


@pytest.mark.parametrize(
    ("last", "first", "found"),
    [
        (LAST_SUNDAY, FIRST_MONDAY, True),
        (date(2031, 3, 8), FIRST_MONDAY, False),
        (LAST_SUNDAY, date(2031, 3, 11), False),
    ],
    ids=["the last night", "the night before was the last", "the morning after does not count"],
)
def test_the_night_of_the_last_date_spills_into_the_following_day(last: date, first: date, found: bool) -> None:
    night, morning = opening(SUNDAY, "23:00", 120, last=last), opening(MONDAY, "00:30", 60, first=first)

    assert overlap(night, morning) is found


def test_the_morning_s_own_dates_do_not_reach_back_to_the_evening() -> None:
    evening, morning = (
        opening(SUNDAY, "23:00", 120, first=FIRST_MONDAY),
        opening(MONDAY, "00:30", 60, last=FIRST_MONDAY),
    )

    assert not overlap(evening, morning)


def test_dates_at_the_ends_of_the_calendar_do_not_overflow() -> None:
    always = opening(SUNDAY, "23:00", 120, first=date.min, last=date.max)

    assert overlap(always, opening(MONDAY, "00:00", 60, first=date.min, last=date.max))


def test_each_pair_is_reported_once() -> None:
    first, second, third = (opening(MONDAY, f"18:{minute}0", 60) for minute in range(3))

    assert overlapping([third, first, second]) == [(first, second), (first, third), (second, third)]


def test_a_whole_week_of_neighbours_has_no_overlap() -> None:
    week = [
        opening(weekday, f"{minute // 60:02d}:{minute % 60:02d}", 15)
        for weekday in range(7)
        for minute in range(0, 24 * 60, 15)
    ]

    assert overlapping(week) == []


DATES = st.none() | st.dates(date(2031, 3, 1), date(2031, 3, 31))
OPENINGS = st.builds(
    Opening,
    weekday=st.integers(0, 6),
    start=st.integers(0, 23).map(time),
    minutes=st.integers(1, 24).map(lambda hours: hours * 60),
    first_date=DATES,
    last_date=DATES,
)


def spans(one: Opening) -> list[tuple[datetime, datetime]]:
    """Every time that the opening is open in a spring, taken one by one."""
    days = (date(2031, 2, 1) + timedelta(days=n) for n in range(120))
    return [
        (begin := datetime.combine(day, one.start), begin + timedelta(minutes=one.minutes))
        for day in days
        if day.weekday() == one.weekday
        and (one.first_date is None or one.first_date <= day)
        and (one.last_date is None or day <= one.last_date)
    ]


@given(one=OPENINGS, other=OPENINGS)
def test_overlapping_finds_what_a_walk_through_the_dates_finds(one: Opening, other: Opening) -> None:
    walked = any(
        begin < other_end and other_begin < end for begin, end in spans(one) for other_begin, other_end in spans(other)
    )

    assert overlap(one, other) is walked
