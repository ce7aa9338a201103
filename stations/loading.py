"""Timetables from the database: two queries, for one station or for many; or from the process, for whoever only looks."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final

from django.db.models import Q

from stations.models import Opening, Station, TimetableException
from stations.timetable import Timetable

KEPT: Final = 64
"""Of ranges of days, each with its slots: some megabytes."""


def timetable_of(station: Station, first: date, last: date) -> Timetable:
    """What the station offers from `first` to `last`, both included."""
    return timetables_of([station], first, last)[station.pk]


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
    pks = [station.pk for station in stations]
    openings: dict[int, list[Opening]] = defaultdict(list)
    # What is yet to come into force is left for the timetable to leave out: there is little of it, and more of the past.
    not_over = Q(last_date__isnull=True) | Q(last_date__gte=first)
    for opening in Opening.objects.filter(not_over, station__in=pks, weekday__in=_weekdays(first, last)).order_by():
        openings[opening.station_id].append(opening)
    exceptions: dict[int, list[TimetableException]] = defaultdict(list)
    for exception in TimetableException.objects.filter(station__in=pks, date__range=(first, last)).order_by():
        exceptions[exception.station_id].append(exception)
    return {
        station.pk: Timetable(station.zone, openings[station.pk], exceptions[station.pk], station.country)
        for station in stations
    }


def _weekdays(first: date, last: date) -> list[int]:
    """Those of the range: a day's slots are all that a booking's change has to know."""
    return sorted({(first.weekday() + day) % 7 for day in range(min((last - first).days + 1, 7))})
