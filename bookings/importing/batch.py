"""Some hundred rows in one transaction: recalled, updated, created, remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from bookings import services
from bookings.errors import Stale
from bookings.importing import identity
from bookings.importing.identity import Identity
from bookings.importing.mapping import Entry
from bookings.importing.source import Row
from bookings.models import Booking, ImportedRow
from bookings.services import Contact
from stations import statements
from stations.errors import DomainError, NotFound
from stations.models import Station
from stations.querysets import Person


class Done(StrEnum):
    """What became of a row that was not refused."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


Outcome = Done | DomainError


@dataclass(frozen=True, slots=True)
class Item:
    """A row with who it is and what it asks for, or why it cannot be read."""

    row: Row
    identity: Identity
    entry: Entry | DomainError


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An item that can be read, at a station that the person sees."""

    index: int
    station: Station
    entry: Entry
    fingerprints: Sequence[bytes]


def settle(items: Sequence[Item], *, by: Person, notify: bool) -> list[Outcome]:
    """What became of each row, in order. All is written together, what is remembered of the rows included, and where
    `notify` says so what customers are to hear of it."""
    with transaction.atomic():
        return _Batch(items, by, notify=notify).settle()


class _Batch:
    def __init__(self, items: Sequence[Item], by: Person, *, notify: bool) -> None:
        self._by, self._notify = by, notify
        self._outcomes: dict[int, Outcome] = {}
        self._count = len(items)
        self._candidates = self._sort_out(items)
        self._locked = self._lock()
        self._known = self._recall()
        self._remembered: list[ImportedRow] = []

    def settle(self) -> list[Outcome]:
        first: dict[bytes, int] = {}
        new = []
        repeats = []
        for candidate in self._candidates:
            before = first.setdefault(candidate.fingerprints[0], candidate.index)
            if before != candidate.index:
                repeats.append((candidate.index, before))
            elif known := self._find(candidate):
                self._outcomes[candidate.index] = self._update(candidate, known)
            else:
                new.append(candidate)
        self._create(new)
        for index, before in repeats:
            outcome = self._outcomes[before]
            self._outcomes[index] = Done.UNCHANGED if isinstance(outcome, Done) else outcome
        self._remember()
        return [self._outcomes[index] for index in range(self._count)]

    def _sort_out(self, items: Sequence[Item]) -> list[_Candidate]:
        """Those that may become bookings: readable, and at a station that the person sees."""
        codes = {item.entry.draft.station for item in items if isinstance(item.entry, Entry)}
        visible = Station.objects.visible_to(self._by).filter(code__in=codes)
        stations = {station.code: station for station in visible}
        candidates = []
        for index, item in enumerate(items):
            if not isinstance(item.entry, Entry):
                self._outcomes[index] = item.entry
            elif station := stations.get(item.entry.draft.station):
                marks = identity.fingerprints(station.pk, item.entry, item.identity)
                candidates.append(_Candidate(index, station, item.entry, marks))
            else:
                self._outcomes[index] = NotFound(_("There is no such station."))
        return candidates

    def _lock(self) -> set[int]:
        """One import, or member of staff, at a time: the stations of the rows, and those to which their bookings have been moved,
        all at once and so in the order of their keys.
        """
        named = {candidate.station.pk for candidate in self._candidates}
        known = [row.booking_id for row in self._recall().values()]
        moved = Booking.objects.filter(pk__in=known).values("station")
        wanted = Station.objects.visible_to(self._by).filter(Q(pk__in=named) | Q(pk__in=moved))
        return {station.pk for station in wanted.locked()}

    def _recall(self) -> dict[bytes, ImportedRow]:
        marks = [mark for candidate in self._candidates for mark in candidate.fingerprints]
        stations = {candidate.station.pk for candidate in self._candidates}
        rows = ImportedRow.objects.filter(station__in=stations, fingerprint__in=marks)
        found = {bytes(row.fingerprint): row for row in rows}
        self._recall_references(found)
        return found

    def _recall_references(self, found: dict[bytes, ImportedRow]) -> None:
        """Bookings that have a row's reference without having been imported: known, too, but nothing is
        remembered.
        """
        wanted = {
            (candidate.station.pk, candidate.entry.draft.external_ref): candidate
            for candidate in self._candidates
            if candidate.entry.draft.external_ref and not set(candidate.fingerprints) & set(found)
        }
        if not wanted:
            return
        bookings = Booking.objects.filter(
            station__in={station for station, _ref in wanted},
            external_ref__in={ref for _station, ref in wanted},
        )
        for station, ref, booking in bookings.values_list("station", "external_ref", "pk"):
            if candidate := wanted.get((station, ref)):
                mark = candidate.fingerprints[0]
                found[mark] = ImportedRow(station_id=station, booking_id=booking, fingerprint=mark)

    def _find(self, candidate: _Candidate) -> ImportedRow | None:
        return next((self._known[mark] for mark in candidate.fingerprints if mark in self._known), None)

    def _update(self, candidate: _Candidate, known: ImportedRow) -> Outcome:
        """Only what the file says otherwise than last time: what staff changed since, and the file did not,
        stays.
        """
        entry, station = candidate.entry, candidate.station
        by_reference = bool(entry.draft.external_ref)
        changed = identity.changed_fields(station.pk, entry, known.content) if by_reference else set()
        outcome = self._amend(known.booking_id, _changes(entry, changed)) if changed else Done.UNCHANGED
        if isinstance(outcome, DomainError):
            return outcome
        content = identity.remembered(station.pk, entry, known.content)
        if (known.fingerprint, known.content) != (candidate.fingerprints[0], content):
            self._note(known, candidate)
        return outcome

    def _amend(self, booking_id: UUID, changes: Mapping[str, Any]) -> Outcome:
        visible = Booking.objects.visible_to(self._by).filter(pk=booking_id).values_list("station_id", "version")
        found = visible.first()
        if found is None:
            return NotFound()
        station_id, version = found
        if station_id not in self._locked:
            return Stale()
        try:
            booking = services.amend(booking_id, changes, by=self._by, notify=self._notify)
        except DomainError as refusal:
            return refusal
        return Done.UPDATED if booking.version != version else Done.UNCHANGED

    def _create(self, new: Sequence[_Candidate]) -> None:
        drafts = [candidate.entry.draft for candidate in new]
        made = services.create_many(drafts, by=self._by, notify=self._notify) if drafts else []
        for candidate, booking in zip(new, made, strict=True):
            if isinstance(booking, DomainError):
                self._outcomes[candidate.index] = booking
                continue
            self._outcomes[candidate.index] = Done.CREATED
            self._note(ImportedRow(station=candidate.station, booking=booking), candidate)

    def _note(self, row: ImportedRow, candidate: _Candidate) -> None:
        row.content = identity.remembered(candidate.station.pk, candidate.entry, row.content)
        row.fingerprint = candidate.fingerprints[0]
        self._remembered.append(row)

    def _remember(self) -> None:
        statements.insert([row for row in self._remembered if row.pk is None])
        old = [row for row in self._remembered if row.pk is not None]
        ImportedRow.objects.bulk_update(old, ["fingerprint", "content"])


def _changes(entry: Entry, changed: set[str]) -> dict[str, Any]:
    """The draft's side of the changed fields, a customer's three as one contact."""
    of_customer = {name for name in changed if name.startswith("customer_")}
    changes = {name: getattr(entry.draft, name) for name in changed - of_customer}
    if of_customer:
        changes["customer"] = entry.draft.customer or Contact("")
    return changes
