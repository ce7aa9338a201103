"""The stations that a person sees, cached in the process for requests that only show them."""

from contextlib import suppress
from functools import lru_cache
from typing import Final

from stations.access import Counter, Person, loaded_stations
from stations.models import Station

CACHE_SIZE: Final = 64
"""Sets of stations: some megabytes."""


def stations_of(person: Person) -> list[Station]:
    """The stations of `Station.objects.visible_to`, in its order, at least as new as when the person was loaded.

    Without a query if the person was loaded with change counters that are cached. Treat the instances as read-only.
    """
    loaded = loaded_stations(person) if person.is_active else None
    if loaded is not None:
        with suppress(_IncompleteResult):
            return list(_cached(tuple(sorted(loaded))))
    return list(Station.objects.visible_to(person))


class _IncompleteResult(Exception):
    """Row-level security hides a station that the person has lost since they were loaded. Nothing is cached then."""


@lru_cache(CACHE_SIZE)
def _cached(counters: tuple[Counter, ...]) -> tuple[Station, ...]:
    """The stations with these change counters. Everything that a page shows of a station is counted."""
    found = tuple(Station.objects.filter(pk__in=[counter.pk for counter in counters]))
    if len(found) < len(counters):
        raise _IncompleteResult
    return found
