"""A week of opening hours that is changed as a whole, from a date on."""

from datetime import date, time

import pytest

from stations.models import Opening, Station
from stations.opening_hours import WeeklySlot, change_hours, opening_ranges, openings_from
from tests.factories import StationFactory

FIRST = date(2031, 3, 5)
"""A Wednesday."""


@pytest.fixture
def station(db: None) -> Station:
    return StationFactory()


def opening(station: Station, weekday: int, hour: int, first: str | None = None, last: str | None = None) -> Opening:
    slot = {"weekday": weekday, "start": time(hour), "minutes": 60, "capacity": 2}
    return Opening.objects.create(station=station, first_date=first, last_date=last, **slot)


def slot(weekday: int, hour: int, capacity: int = 2) -> WeeklySlot:
    return WeeklySlot(weekday, time(hour), 60, capacity, None)


def change(station: Station, *wanted: WeeklySlot) -> int:
    return change_hours(station, frozenset(wanted), FIRST)


def dates(station: Station) -> list[tuple[int, int, int, str, str]]:
    """Each opening: weekday, hour, capacity, first and last date."""
    rows = Opening.objects.filter(station=station).order_by("weekday", "start", "pk")
    return [(one.weekday, one.start.hour, one.capacity, str(one.first_date), str(one.last_date)) for one in rows]


def test_week_from_a_date_has_the_openings_of_its_seven_days(station: Station) -> None:
    opening(station, 0, 9)
    opening(station, 2, 9, last="2031-03-04")  # over the day before
    opening(station, 2, 10, first="2031-03-05")
    opening(station, 1, 9, last="2031-03-11")  # its Tuesday is the last of the seven days
    opening(station, 1, 10, first="2031-03-12")

    assert list(openings_from(station, FIRST)) == [slot(0, 9), slot(1, 9), slot(2, 10)]


def test_change_ends_what_is_gone_and_adds_what_is_new(station: Station) -> None:
    opening(station, 0, 9)
    opening(station, 0, 10)

    assert change(station, slot(0, 9), slot(4, 18)) == 2

    assert dates(station) == [
        (0, 9, 2, "None", "None"),
        (0, 10, 2, "None", "2031-03-04"),
        (4, 18, 2, "2031-03-05", "None"),
    ]


def test_change_of_nothing_writes_nothing(station: Station) -> None:
    kept = opening(station, 0, 9)

    assert change(station, slot(0, 9)) == 0
    assert list(Opening.objects.all()) == [kept]


def test_another_capacity_holds_from_the_date_on(station: Station) -> None:
    opening(station, 0, 9, last="2031-06-30")

    change(station, slot(0, 9, capacity=5))

    assert dates(station) == [(0, 9, 2, "None", "2031-03-04"), (0, 9, 5, "2031-03-05", "2031-06-30")]


def test_opening_that_began_on_the_date_is_deleted(station: Station) -> None:
    opening(station, 2, 9, first="2031-03-05")

    change(station)

    assert dates(station) == []


@pytest.mark.parametrize(
    ("later", "last"),
    [
        ((0, 9, "2031-10-06"), None),  # at another time
        ((1, 18, "2031-10-07"), None),  # on another day
        ((0, 18, "2031-10-06"), "2031-10-05"),
    ],
)
def test_new_opening_ends_before_a_later_one_that_it_would_overlap(
    station: Station, later: tuple[int, int, str], last: str | None
) -> None:
    weekday, hour, first = later
    opening(station, weekday, hour, first=first)

    change(station, slot(0, 18))

    assert (0, 18, 2, "2031-03-05", str(last)) in dates(station)
    assert (weekday, hour, 2, first, "None") in dates(station)


def test_new_opening_ends_with_the_season_of_its_day(station: Station) -> None:
    opening(station, 0, 9, last="2031-09-30")
    opening(station, 1, 9)

    change(station, slot(0, 9), slot(1, 9), slot(0, 18), slot(1, 18))

    assert [one for one in dates(station) if one[1] == 18] == [
        (0, 18, 2, "2031-03-05", "2031-09-30"),
        (1, 18, 2, "2031-03-05", "None"),
    ]


def test_other_stations_keep_theirs(station: Station) -> None:
    other = StationFactory()
    opening(other, 0, 9)

    change(station)

    assert dates(other) == [(0, 9, 2, "None", "None")]


def test_ranges_join_slots_that_follow_each_other() -> None:
    ranges = opening_ranges([slot(0, 13), slot(0, 12), slot(0, 17), slot(1, 23)])

    assert (ranges[0], ranges[1], ranges[2]) == ([(12 * 60, 14 * 60), (17 * 60, 18 * 60)], [(23 * 60, 24 * 60)], [])
