"""Loads timetables: two queries for one station or many, or none from a cache for pages that only show them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Model

from core.dates import DAYS_A_WEEK
from core.db import sql
from core.db.row_adapter import RowAdapter
from stations.models import Opening, Station, TimetableException
from stations.timetable import ExceptionRow, OpeningRow, Timetable

CACHE_SIZE: Final = 64
"""Timetables of a range of days, with its slots: some megabytes."""


def _select(row: type[OpeningRow] | type[ExceptionRow], model: type[Model]) -> tuple[str, RowAdapter]:
    adapter = RowAdapter(model._meta.get_field(name) for name in ("station", *row._fields))
    return f"SELECT {adapter.select_list()} FROM {model._meta.db_table} t", adapter  # noqa: S608


_OPENINGS, _OPENING_ADAPTER = _select(OpeningRow, Opening)
_EXCEPTIONS, _EXCEPTION_ADAPTER = _select(ExceptionRow, TimetableException)


def load_timetable(station: Station, first: date, last: date) -> Timetable:
    """The station's timetable from `first` to `last`, both included."""
    return submit_timetable(station.pk, first, last)(station)


def submit_timetable(key: sql.Key, first: date, last: date) -> Callable[[Station], Timetable]:
    """Send the queries for a station's timetable. Returns a function that waits for it, to be called with the station."""
    timetables = _submit([key], first, last)
    return lambda station: timetables([station])[station.pk]


def load_timetables(stations: Sequence[Station], first: date, last: date) -> dict[int, Timetable]:
    """The timetables of several stations by primary key."""
    return _submit([station.pk for station in stations], first, last)(stations)


def cached_timetable(station: Station, first: date, last: date) -> Timetable:
    """The station's timetable, cached in the process until the station's change counter grows.

    For showing it only: services that change something load it under the station's lock.
    """
    return _cached(_CacheKey(station.pk, station.changes, first, last, station))


@dataclass(frozen=True, slots=True)
class _CacheKey:
    pk: int
    changes: int
    first: date
    last: date
    station: Station = field(compare=False)


@lru_cache(CACHE_SIZE)
def _cached(key: _CacheKey) -> Timetable:
    return load_timetable(key.station, key.first, key.last)


def _submit(keys: Sequence[sql.Key], first: date, last: date) -> Callable[[Sequence[Station]], dict[int, Timetable]]:
    of_stations, pks = sql.key_condition("station_id", *keys)
    on_weekdays, weekdays = sql.in_clause("weekday", _weekdays(first, last))
    # Openings that begin later are left to the timetable to skip: they are few, while those of the past accumulate.
    not_over = "(last_date IS NULL OR last_date >= %s)"
    openings = sql.submit(
        f"{_OPENINGS} WHERE {of_stations} AND {on_weekdays} AND {not_over}", [*pks, *weekdays, first], _OPENING_ADAPTER
    )
    exceptions = sql.submit(
        f"{_EXCEPTIONS} WHERE {of_stations} AND date BETWEEN %s AND %s", [*pks, first, last], _EXCEPTION_ADAPTER
    )

    def timetables(stations: Sequence[Station]) -> dict[int, Timetable]:
        opening_rows, exception_rows = _by_station(openings()), _by_station(exceptions())
        return {
            station.pk: _timetable(
                station.time_zone, station.country, tuple(opening_rows[station.pk]), tuple(exception_rows[station.pk])
            )
            for station in stations
        }

    return timetables


def _by_station(rows: Iterable[Sequence[Any]]) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for station_id, *row in rows:
        found[station_id].append(tuple(row))
    return found


@lru_cache(CACHE_SIZE)
def _timetable(
    time_zone: str, country: str, openings: tuple[tuple[Any, ...], ...], exceptions: tuple[tuple[Any, ...], ...]
) -> Timetable:
    """The timetable of these rows, cached because it depends on nothing else."""
    return Timetable(ZoneInfo(time_zone), map(OpeningRow._make, openings), map(ExceptionRow._make, exceptions), country)


def _weekdays(first: date, last: date) -> list[int]:
    """The weekdays of the range. A change of one booking needs only its own day."""
    days = min((last - first).days + 1, DAYS_A_WEEK)
    return sorted({(first.weekday() + day) % DAYS_A_WEEK for day in range(days)})
