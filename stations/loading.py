"""Timetables from the database: two queries, for one station or for many."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from django.db.models import Q

from stations.models import Opening, Station, TimetableException
from stations.timetable import Timetable


def timetable_of(station: Station, first: date, last: date) -> Timetable:
    """What the station offers from `first` to `last`, both included."""
    return timetables_of([station], first, last)[station.pk]


def timetables_of(stations: Sequence[Station], first: date, last: date) -> dict[int, Timetable]:
    """The same for many stations, by their keys."""
    in_force = (
        Q(first_date__isnull=True) | Q(first_date__lte=last),
        Q(last_date__isnull=True) | Q(last_date__gte=first),
    )
    openings: dict[int, list[Opening]] = defaultdict(list)
    for opening in Opening.objects.filter(*in_force, station__in=stations):
        openings[opening.station_id].append(opening)
    exceptions: dict[int, list[TimetableException]] = defaultdict(list)
    for exception in TimetableException.objects.filter(station__in=stations, date__range=(first, last)):
        exceptions[exception.station_id].append(exception)
    return {
        station.pk: Timetable(station.zone, openings[station.pk], exceptions[station.pk], station.country)
        for station in stations
    }
