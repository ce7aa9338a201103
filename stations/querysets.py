"""Querysets of stations and of everything that belongs to one, with the only implementation of who may see what."""

from collections.abc import Callable
from typing import Self, TypeVar

from django.db import models

from core.db import sql
from stations.access import ALL_STATIONS, Counter, Person, loaded_stations, scope_of

Row = TypeVar("Row", bound=models.Model)


class StationQuerySet(models.QuerySet[Row]):
    def visible_to(self, person: Person) -> Self:
        """The stations that the person may see: all with the permission for all, otherwise their own; none if inactive."""
        if not person.is_active:
            return self.none()
        if (loaded := loaded_stations(person)) is not None:
            return self.filter(pk__in=[one.pk for one in loaded])
        found = self if person.has_perm(ALL_STATIONS) else self.filter(people=person.pk)
        scope = scope_of(person)
        return found.filter(pk__in=scope.stations) if scope else found

    def counters(self, person: Person, code: str = "") -> list[Counter]:
        """Cache keys of the visible stations, or of the one with this code. No query if they were loaded with the person."""
        if (loaded := loaded_stations(person)) is not None:
            return [one for one in loaded if code in ("", one.code)]
        visible = self.visible_to(person)
        found = visible.coded(code) if code else visible
        return [Counter(*values) for values in found.values_list("pk", "code", "changes")]

    def visible_keys(self, person: Person) -> list[int] | None:
        """Primary keys of the visible stations; None for all. No query if they were loaded with the person."""
        if not person.is_active:
            return []
        if (loaded := loaded_stations(person)) is not None:
            return [one.pk for one in loaded]
        if person.has_perm(ALL_STATIONS) and not scope_of(person):
            return None
        return list(self.visible_to(person).values_list("pk", flat=True))

    def visible_codes(self, person: Person) -> frozenset[str] | None:
        """Codes of the visible stations; None for all."""
        if self.visible_keys(person) is None:
            return None
        return frozenset(counter.code for counter in self.counters(person))

    def may_see(self, person: Person, pk: int) -> bool:
        """Whether the person may see the station with this primary key."""
        seen = self.visible_keys(person)
        return seen is None or pk in seen

    def coded(self, code: str) -> Self:
        """The station with this code. PostgreSQL refuses parameters with a NUL character, so that no station is found by one."""
        return self.none() if "\0" in code else self.filter(code=code)

    def active(self) -> Self:
        return self.filter(is_active=True)

    def bump(self, *pks: int) -> None:
        """Increase the change counters of stations, which invalidates ETags and caches. Every change to what calendars show
        must call it."""
        for pk in sorted(set(pks)):
            sql.execute(f"UPDATE {self.model._meta.db_table} SET changes = changes + 1 WHERE id = %s", [pk])  # noqa: S608

    def locked(self) -> Self:
        """Lock the rows, in key order to prevent deadlocks, until the transaction ends: each station has one writer at a time.

        `NO KEY` lets other transactions reference the rows by foreign keys. SQLite has one writer at a time anyway.
        """
        return self.select_for_update(no_key=True, of=("self",)).order_by("pk")

    def submit_lock(self, person: Person, *keys: sql.Key) -> Callable[[], list[Row]]:
        """Plain-SQL variant of `locked()`: send the query for those of these stations that the person may see.

        Returns a function that waits for the locks.
        """
        wanted, values = sql.key_condition("t.id", *keys)
        if (seen := self.visible_keys(person)) is not None:
            visible, pks = sql.in_clause("t.id", seen)
            wanted, values = f"{wanted} AND {visible}", [*values, *pks]
        return sql.submit_rows(self.model, wanted, values, order_by="t.id", lock="FOR NO KEY UPDATE OF t")

    def key_of_code(self, code: str) -> sql.Key:
        """The key of the station with this code, for a statement."""
        return sql.KeyLookup(self.model, "id", "code", code)


class OfStationQuerySet(models.QuerySet[Row]):
    """Rows that belong to a station and are visible to those who see the station."""

    def visible_to(self, person: Person) -> Self:
        if not person.is_active:
            return self.none()
        if (loaded := loaded_stations(person)) is not None:
            return self.filter(station__in=[one.pk for one in loaded])
        found = self if person.has_perm(ALL_STATIONS) else self.filter(station__people=person.pk)
        scope = scope_of(person)
        return found.filter(station__in=scope.stations) if scope else found
