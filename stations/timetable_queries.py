"""Timetables from the database: two queries, for one station or for many; or from the process, for whoever only looks."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Model

from core.db import sql
from core.db.row_adapter import RowAdapter
from stations.models import Opening, Station, TimetableException
from stations.timetable import ExceptionRow, OpeningRow, Timetable

KEPT: Final = 64
"""Of ranges of days, each with its slots: some megabytes."""


def _all(row: type[OpeningRow] | type[ExceptionRow], model: type[Model]) -> tuple[str, RowAdapter]:
    adapter = RowAdapter(model._meta.get_field(name) for name in ("station", *row._fields))
    return f"SELECT {adapter.select_list()} FROM {model._meta.db_table} t", adapter  # noqa: S608


_OPENINGS, _OPENING_ADAPTER = _all(OpeningRow, Opening)
_EXCEPTIONS, _EXCEPTION_ADAPTER = _all(ExceptionRow, TimetableException)


def timetable_of(station: Station, first: date, last: date) -> Timetable:
    """What the station offers from `first` to `last`, both included."""
    return submit_timetable(station.pk, first, last)(station)


def submit_timetable(key: sql.Key, first: date, last: date) -> Callable[[Station], Timetable]:
    """Send the queries for a station's timetable. Returns a function that waits for it, to be called with the station."""
    timetables = _submit([key], first, last)
    return lambda station: timetables([station])[station.pk]


def kept_timetable_of(station: Station, first: date, last: date) -> Timetable:
    """The same, kept by the process for as long as the station's counter stands where the caller has read it.

    For what only looks: who changes a timetable sees what nobody else may keep.
    """
    return _kept(_Asked(station.pk, station.changes, first, last, station))


@dataclass(frozen=True, slots=True)
class _Asked:
    pk: int
    changes: int
    first: date
    last: date
    station: Station = field(compare=False)


@lru_cache(KEPT)
def _kept(asked: _Asked) -> Timetable:
    return timetable_of(asked.station, asked.first, asked.last)


def timetables_of(stations: Sequence[Station], first: date, last: date) -> dict[int, Timetable]:
    """The same for many stations, by their keys."""
    return _submit([station.pk for station in stations], first, last)(stations)


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

    def answer(stations: Sequence[Station]) -> dict[int, Timetable]:
        opens, excepts = _by_station(openings()), _by_station(exceptions())
        return {
            station.pk: _made_of(
                station.time_zone, station.country, tuple(opens[station.pk]), tuple(excepts[station.pk])
            )
            for station in stations
        }

    return answer


def _by_station(rows: Iterable[Sequence[Any]]) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for station_id, *row in rows:
        found[station_id].append(tuple(row))
    return found


@lru_cache(KEPT)
def _made_of(
    time_zone: str, country: str, opens: tuple[tuple[Any, ...], ...], excepts: tuple[tuple[Any, ...], ...]
) -> Timetable:
    """Of the same rows the same timetable, whoever asks: it depends on nothing else."""
    return Timetable(ZoneInfo(time_zone), map(OpeningRow._make, opens), map(ExceptionRow._make, excepts), country)


def _weekdays(first: date, last: date) -> list[int]:
    """Those of the range: a day's slots are all that a booking's change has to know."""
    return sorted({(first.weekday() + day) % 7 for day in range(min((last - first).days + 1, 7))})
