"""The acting person and the stations that they may see."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

ALL_STATIONS = "stations.access_all_stations"


@dataclass(frozen=True, slots=True)
class Scope:
    """The limits of an API key: its owner's permissions apply only at these stations (primary keys) and for these rights."""

    stations: frozenset[int]
    rights: frozenset[str]


class Counter(NamedTuple):
    """A station's primary key, code and change counter: the parts of a cache key."""

    pk: int
    code: str
    changes: int


class Person(Protocol):
    """The acting person: a user, or the operator at the command line."""

    pk: Any

    @property
    def is_active(self) -> bool: ...

    def has_perm(self, perm: str, obj: Any = None) -> bool: ...


def loaded_stations(person: Person) -> tuple[Counter, ...] | None:
    """The stations loaded with the user at authentication, if these are all that the user may see; None to query them."""
    snapshot = getattr(person, "permission_snapshot", None)
    return snapshot.stations if snapshot and not scope_of(person) and not person.has_perm(ALL_STATIONS) else None


def scope_of(person: Person) -> Scope | None:
    """The limits of the API key that the request uses; None if it was authenticated in another way."""
    return getattr(person, "scope", None)
