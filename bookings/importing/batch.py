"""Some hundred rows in one transaction: recalled, updated, created, remembered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from bookings import services
from bookings.errors import Stale
from bookings.importing import identity
from bookings.importing.entries import Entry
from bookings.importing.identity import Identity
from bookings.importing.source import Row
from bookings.models import Booking, ImportedRow
from bookings.services import Contact, Draft
from core.db import sql
from core.errors import DomainError, NotFound
from stations.access import Person
from stations.models import Station
from stations.timetable import Timetable
from stations.timetable_queries import load_timetable


class Done(StrEnum):
    """What became of a row that was not refused."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


Outcome = Done | DomainError
PLACE: Final = frozenset({"date", "slot"})


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
        self._timetables: dict[int, Timetable] = {}
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
                self._outcomes[index] = NotFound(_("Unknown station."))
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
        outcome = self._amend(known.booking_id, candidate, changed) if changed else Done.UNCHANGED
        if isinstance(outcome, DomainError):
            return outcome
        content = identity.remembered(station.pk, entry, known.content)
        if (known.fingerprint, known.content) != (candidate.fingerprints[0], content):
            self._note(known, candidate)
        return outcome

    def _amend(self, booking_id: UUID, candidate: _Candidate, changed: set[str]) -> Outcome:
        visible = Booking.objects.visible_to(self._by).filter(pk=booking_id).values_list("station_id", "version")
        found = visible.first()
        if found is None:
            return NotFound()
        station_id, version = found
        if station_id not in self._locked:
            return Stale()
        try:
            changes = _changes(candidate.entry, self._draft(candidate), changed)
            booking = services.amend(booking_id, changes, by=self._by, notify=self._notify)
        except DomainError as refusal:
            return refusal
        return Done.UPDATED if booking.version != version else Done.UNCHANGED

    def _create(self, new: Sequence[_Candidate]) -> None:
        drafts: dict[int, Draft] = {}
        for candidate in new:
            try:
                drafts[candidate.index] = self._draft(candidate)
            except DomainError as refusal:
                self._outcomes[candidate.index] = refusal
        made = services.create_many([*drafts.values()], by=self._by, notify=self._notify) if drafts else []
        placed = (candidate for candidate in new if candidate.index in drafts)
        for candidate, booking in zip(placed, made, strict=True):
            if isinstance(booking, DomainError):
                self._outcomes[candidate.index] = booking
                continue
            self._outcomes[candidate.index] = Done.CREATED
            self._note(ImportedRow(station=candidate.station, booking=booking), candidate)

    def _draft(self, candidate: _Candidate) -> Draft:
        """The candidate's draft, with as many slots as it lasts. Raises NoSuchSlot where the timetable has not as many."""
        draft, minutes = candidate.entry.draft, candidate.entry.minutes
        if minutes is None:
            return draft
        timetable = self._timetable(candidate.station)
        first = timetable.find(draft.date, draft.slot)
        if first is None:
            return draft  # refused by the service, as any start that is none
        end = first.starts_at + timedelta(minutes=minutes)
        return replace(draft, slots=timetable.count_slots_until(draft.date, draft.slot, end))

    def _timetable(self, station: Station) -> Timetable:
        """Of all days on which a candidate begins at the station, which is locked."""
        if station.pk not in self._timetables:
            days = [one.entry.draft.date for one in self._candidates if one.station.pk == station.pk]
            self._timetables[station.pk] = load_timetable(station, min(days), max(days))
        return self._timetables[station.pk]

    def _note(self, row: ImportedRow, candidate: _Candidate) -> None:
        row.content = identity.remembered(candidate.station.pk, candidate.entry, row.content)
        row.fingerprint = candidate.fingerprints[0]
        self._remembered.append(row)

    def _remember(self) -> None:
        sql.insert([row for row in self._remembered if row.pk is None])
        old = [row for row in self._remembered if row.pk is not None]
        ImportedRow.objects.bulk_update(old, ["fingerprint", "content"])


def _changes(entry: Entry, draft: Draft, changed: set[str]) -> dict[str, Any]:
    """The draft's side of the changed fields, a customer's three as one contact."""
    of_customer = {name for name in changed if name.startswith("customer_")}
    changes = {name: getattr(draft, name) for name in changed - of_customer}
    if entry.minutes is not None and changed & PLACE:
        changes["slots"] = draft.slots  # as long as before may be other slots there
    if of_customer:
        changes["customer"] = draft.customer or Contact("")
    return changes
