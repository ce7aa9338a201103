"""Timetables from the database."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, time, timedelta

import pytest

from stations.timetable_queries import _weekdays, load_timetable, load_timetables
from tests.factories import FRIDAY, ExceptionFactory, OpeningFactory, StationFactory

pytestmark = pytest.mark.django_db
Queries = Callable[[int], AbstractContextManager[None]]


def test_timetable_of_gives_the_station_s_own_slots_with_its_exceptions() -> None:
    opening = OpeningFactory(station=StationFactory(time_zone="America/New_York"), capacity=2)
    OpeningFactory(start=time(20))
    ExceptionFactory(station=opening.station, reason="Stocktaking")
    ExceptionFactory(slot=time(18), reason="Elsewhere")

    slots = load_timetable(opening.station, FRIDAY, FRIDAY).slots_of(FRIDAY)

    assert [(slot.start, slot.starts_at.hour, slot.capacity, slot.reason) for slot in slots] == [
        (time(18), 23, 2, "Stocktaking")
    ]


@pytest.mark.parametrize("dates", [{"last_date": FRIDAY}, {"first_date": FRIDAY}, {}])
def test_timetable_of_knows_what_counts_on_the_first_and_on_the_last_date(dates: dict[str, date]) -> None:
    opening = OpeningFactory(**dates)

    assert len(load_timetable(opening.station, FRIDAY, FRIDAY).slots_of(FRIDAY)) == 1


@pytest.mark.parametrize("days", [0, 6])
def test_timetable_of_knows_the_exceptions_of_both_ends(days: int) -> None:
    day = FRIDAY - timedelta(days=days)
    opening = OpeningFactory(weekday=day.weekday())
    ExceptionFactory(station=opening.station, date=day)

    assert load_timetable(opening.station, FRIDAY - timedelta(days=6), FRIDAY).slots_of(day)[0].closed


@pytest.mark.parametrize(
    ("days", "weekdays"), [(0, [4]), (1, [4, 5]), (3, [0, 4, 5, 6]), (6, [*range(7)]), (30, [*range(7)])]
)
def test_weekdays_are_those_of_the_range_alone(days: int, weekdays: list[int]) -> None:
    assert _weekdays(FRIDAY, FRIDAY + timedelta(days=days)) == weekdays


@pytest.mark.parametrize("stations", [1, 3])
def test_timetables_of_asks_twice_for_any_number_of_stations(stations: int, django_assert_num_queries: Queries) -> None:
    openings = OpeningFactory.create_batch(stations)

    with django_assert_num_queries(2):
        found = load_timetables([opening.station for opening in openings], FRIDAY, FRIDAY)

    assert {pk: len(table.slots_of(FRIDAY)) for pk, table in found.items()} == {
        opening.station_id: 1 for opening in openings
    }


def test_timetables_of_gives_a_station_without_openings_an_empty_one() -> None:
    station = StationFactory()

    assert load_timetables([station], FRIDAY, FRIDAY)[station.pk].slots_of(FRIDAY) == []
