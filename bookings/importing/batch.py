"""Imports a batch of rows in one transaction."""

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


class RowResult(StrEnum):
    """The result of a row that was not refused."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


Outcome = RowResult | DomainError
PLACE: Final = frozenset({"date", "slot"})


@dataclass(frozen=True, slots=True)
class ParsedRow:
    """A row with its identity, and the booking that it describes or the error in it."""

    row: Row
    identity: Identity
    entry: Entry | DomainError


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A valid row at a station that is visible to the user."""

    index: int
    station: Station
    entry: Entry
    fingerprints: Sequence[bytes]


def import_rows(rows: Sequence[ParsedRow], *, by: Person, notify: bool) -> list[Outcome]:
    """Import rows, and return their results in order.

    Bookings, the memory of the rows and, with `notify`, emails to customers are written in one transaction.
    """
    with transaction.atomic():
        return _Batch(rows, by, notify=notify).run()


class _Batch:
    def __init__(self, rows: Sequence[ParsedRow], by: Person, *, notify: bool) -> None:
        self._by, self._notify = by, notify
        self._outcomes: dict[int, Outcome] = {}
        self._count = len(rows)
        self._candidates = self._select(rows)
        self._locked = self._lock_stations()
        self._known = self._load_known()
        self._timetables: dict[int, Timetable] = {}
        self._to_save: list[ImportedRow] = []

    def run(self) -> list[Outcome]:
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
            self._outcomes[index] = RowResult.UNCHANGED if isinstance(outcome, RowResult) else outcome
        self._save_known()
        return [self._outcomes[index] for index in range(self._count)]

    def _select(self, rows: Sequence[ParsedRow]) -> list[_Candidate]:
        """The candidates among the rows. The others get their results."""
        codes = {row.entry.draft.station for row in rows if isinstance(row.entry, Entry)}
        visible = Station.objects.visible_to(self._by).filter(code__in=codes)
        stations = {station.code: station for station in visible}
        candidates = []
        for index, row in enumerate(rows):
            if not isinstance(row.entry, Entry):
                self._outcomes[index] = row.entry
            elif station := stations.get(row.entry.draft.station):
                fingerprints = identity.fingerprints(station.pk, row.entry, row.identity)
                candidates.append(_Candidate(index, station, row.entry, fingerprints))
            else:
                self._outcomes[index] = NotFound(_("Unknown station."))
        return candidates

    def _lock_stations(self) -> set[int]:
        # The stations of the rows and those to which their bookings have moved, all at once and so in the order of
        # their keys.
        named = {candidate.station.pk for candidate in self._candidates}
        known = [row.booking_id for row in self._load_known().values()]
        moved = Booking.objects.filter(pk__in=known).values("station")
        wanted = Station.objects.visible_to(self._by).filter(Q(pk__in=named) | Q(pk__in=moved))
        return {station.pk for station in wanted.locked()}

    def _load_known(self) -> dict[bytes, ImportedRow]:
        fingerprints = [one for candidate in self._candidates for one in candidate.fingerprints]
        stations = {candidate.station.pk for candidate in self._candidates}
        rows = ImportedRow.objects.filter(station__in=stations, fingerprint__in=fingerprints)
        found = {bytes(row.fingerprint): row for row in rows}
        self._load_references(found)
        return found

    def _load_references(self, found: dict[bytes, ImportedRow]) -> None:
        """Add bookings with a row's reference that were not imported: known, but without remembered content."""
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
                fingerprint = candidate.fingerprints[0]
                found[fingerprint] = ImportedRow(station_id=station, booking_id=booking, fingerprint=fingerprint)

    def _find(self, candidate: _Candidate) -> ImportedRow | None:
        return next((self._known[one] for one in candidate.fingerprints if one in self._known), None)

    def _update(self, candidate: _Candidate, known: ImportedRow) -> Outcome:
        """Update the booking with the fields that changed in the file; what staff have changed since stays."""
        entry, station = candidate.entry, candidate.station
        by_reference = bool(entry.draft.external_ref)
        changed = identity.changed_fields(station.pk, entry, known.content) if by_reference else set()
        outcome = self._amend(known.booking_id, candidate, changed) if changed else RowResult.UNCHANGED
        if isinstance(outcome, DomainError):
            return outcome
        content = identity.content_digests(station.pk, entry, known.content)
        if (known.fingerprint, known.content) != (candidate.fingerprints[0], content):
            self._remember(known, candidate)
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
        return RowResult.UPDATED if booking.version != version else RowResult.UNCHANGED

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
            self._outcomes[candidate.index] = RowResult.CREATED
            self._remember(ImportedRow(station=candidate.station, booking=booking), candidate)

    def _draft(self, candidate: _Candidate) -> Draft:
        """The candidate's draft, with the number of slots that it lasts. Raises NoSuchSlot if the timetable has fewer."""
        draft, minutes = candidate.entry.draft, candidate.entry.minutes
        if minutes is None:
            return draft
        timetable = self._timetable(candidate.station)
        first = timetable.find(draft.date, draft.slot)
        if first is None:
            return draft  # the service refuses it
        end = first.starts_at + timedelta(minutes=minutes)
        return replace(draft, slots=timetable.count_slots_until(draft.date, draft.slot, end))

    def _timetable(self, station: Station) -> Timetable:
        """The timetable of the locked station, for all days of its candidates."""
        if station.pk not in self._timetables:
            days = [one.entry.draft.date for one in self._candidates if one.station.pk == station.pk]
            self._timetables[station.pk] = load_timetable(station, min(days), max(days))
        return self._timetables[station.pk]

    def _remember(self, row: ImportedRow, candidate: _Candidate) -> None:
        row.content = identity.content_digests(candidate.station.pk, candidate.entry, row.content)
        row.fingerprint = candidate.fingerprints[0]
        self._to_save.append(row)

    def _save_known(self) -> None:
        sql.insert([row for row in self._to_save if row.pk is None])
        old = [row for row in self._to_save if row.pk is not None]
        ImportedRow.objects.bulk_update(old, ["fingerprint", "content"])


def _changes(entry: Entry, draft: Draft, changed: set[str]) -> dict[str, Any]:
    """The new values of the changed fields, those of the customer as one contact."""
    customer_fields = {name for name in changed if name.startswith("customer_")}
    changes = {name: getattr(draft, name) for name in changed - customer_fields}
    if entry.minutes is not None and changed & PLACE:
        changes["slots"] = draft.slots  # the same length may be another number of slots there
    if customer_fields:
        changes["customer"] = draft.customer or Contact("")
    return changes
