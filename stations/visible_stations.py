"""The stations of a person who only looks: from the process, for as long as each one's counter stands where it was met."""

from contextlib import suppress
from functools import lru_cache
from typing import Final

from stations.access import Counter, Person, loaded_stations
from stations.models import Station

KEPT: Final = 64
"""Of sets of stations, as people have them: some megabytes."""


def stations_of(person: Person) -> list[Station]:
    """What `Station.objects.visible_to` finds, in its order, and no older than when the person came in; without a query where
    they came in with the counters of stations that were met before. Nobody changes what is kept."""
    loaded = loaded_stations(person) if person.is_active else None
    if loaded is not None:
        with suppress(_Incomplete):
            return list(_kept(tuple(sorted(loaded))))
    return list(Station.objects.visible_to(person))


class _Incomplete(Exception):
    """Row-level security hides a station that the person has lost since they came in. Others still have it."""


@lru_cache(KEPT)
def _kept(loaded: tuple[Counter, ...]) -> tuple[Station, ...]:
    """All that a page shows of a station is counted with it: its name and its hours too."""
    found = tuple(Station.objects.filter(pk__in=[one.pk for one in loaded]))
    if len(found) < len(loaded):
        raise _Incomplete
    return found
