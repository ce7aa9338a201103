"""Who acts, and which stations they may see."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

ALL_STATIONS = "stations.access_all_stations"


@dataclass(frozen=True, slots=True)
class Scope:
    """What is left to whoever calls by an API key: these stations (by their keys) and rights, as far as its person has them."""

    stations: frozenset[int]
    rights: frozenset[str]


class Counter(NamedTuple):
    """A station as caches know it: its key and code, and how often it has changed."""

    pk: int
    code: str
    changes: int


class Person(Protocol):
    """Whoever acts: a user, or the operator at the command line."""

    pk: Any

    @property
    def is_active(self) -> bool: ...

    def has_perm(self, perm: str, obj: Any = None) -> bool: ...


def held_by(person: Person) -> tuple[Counter, ...] | None:
    """The stations that somebody was found to belong to when they came in, where that is all they see; None to ask."""
    held = getattr(person, "held", None)
    return held.stations if held and not scope_of(person) and not person.has_perm(ALL_STATIONS) else None


def scope_of(person: Person) -> Scope | None:
    """What an API key leaves of the person's stations and rights; None for whoever came by another door."""
    return getattr(person, "scope", None)
