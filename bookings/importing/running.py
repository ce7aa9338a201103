"""An import as it runs: batch by batch, each in one transaction with what is remembered of it."""

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from bookings import services
from bookings.drafts import Draft
from bookings.importing.files import LINE, OCCURRENCE, REASON, BadFile, Line, Source
from bookings.importing.rows import Formats, content, contents, draft_of, fingerprints
from bookings.models import Booking, ImportedRow
from bookings.transactions import lock_stations
from stations.errors import DomainError, Invalid, NotFound
from stations.models import MINUTES_A_DAY, Opening, Station, Weekday
from stations.querysets import ALL_STATIONS, Person

BATCH = 500


@dataclass(frozen=True)
class NewStation:
    """What an unknown station becomes: open every day in steps of `minutes`."""

    minutes: int = 60
    capacity: int = 1
    guest_capacity: int | None = None
    time_zone: str = "UTC"
    country: str = "US"
    currency: str = "USD"


@dataclass
class Outcome:
    """Every row of the file in one of four."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0

    def summary(self) -> dict[str, int]:
        counts = {name: getattr(self, name) for name in ("created", "updated", "unchanged", "refused")}
        return {"rows": sum(counts.values()), **counts}


@dataclass
class Survey:
    """What the first reading finds: how many rows, and for each station the hours that its rows span, in minutes."""

    rows: int = 0
    hours: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass
class Import:
    """One run over one file, by one person."""

    source: Source
    formats: Formats
    by: Person
    create_stations: NewStation | None = None
    rejects: Path | None = None
    dry_run: bool = False
    progress: Callable[[int], Any] = lambda _rows: None
    outcome: Outcome = field(default_factory=Outcome)

    def survey(self) -> Survey:
        """Read the file through, writing nothing. Raises BadFile for one that is not what it claims to be."""
        found = Survey()
        minutes = self.create_stations.minutes if self.create_stations else 0
        for line in self.source.lines():
            found.rows += 1
            try:
                draft = draft_of(line, self.formats)
            except Invalid:
                continue
            start = draft.slot.hour * 60 + draft.slot.minute
            first, last = found.hours.get(draft.station, (start, 0))
            found.hours[draft.station] = (min(first, start), max(last, start + draft.slots * minutes))
        return found

    def run(self, survey: Survey) -> Outcome:
        """Bring the rows in. A crash leaves whole batches behind, and the same command again does the rest."""
        if self.dry_run:
            with transaction.atomic():
                self._run(survey)
                transaction.set_rollback(True)
        else:
            self._run(survey)
        return self.outcome

    def _run(self, survey: Survey) -> None:
        if self.create_stations:
            make_stations(survey.hours, self.create_stations, by=self.by)
        rejects = _Rejects(self.rejects, self.source)
        try:
            for batch in self._batches():
                for known, refusal in self._take(batch):
                    rejects.write(known, refusal)
                self.progress(len(batch))
        finally:
            rejects.close()

    def _batches(self) -> Iterator[list["_Known"]]:
        """Rows in batches, in which no two are the same one: the later of two with one reference sees the earlier."""
        seen: Counter[bytes] = Counter()
        rows = (self._known(line, seen) for line in self.source.lines())
        while some := list(islice(rows, BATCH)):
            batch: list[_Known] = []
            names: set[bytes] = set()
            for known in some:
                if known.fingerprints[0] in names:
                    yield batch
                    batch, names = [], set()
                batch.append(known)
                names.add(known.fingerprints[0])
            yield batch

    def _known(self, line: Line, seen: Counter[bytes]) -> "_Known":
        occurrence = line.occurrence or 1
        if not line.words.get("external_ref") and line.occurrence is None:
            said = content(line)
            seen[said] += 1
            occurrence = seen[said]
        return _Known(line, occurrence, fingerprints(line, occurrence))

    @transaction.atomic
    def _take(self, batch: Sequence["_Known"]) -> list[tuple["_Known", DomainError]]:
        """One batch, whole: bookings and what is remembered of their rows. Returns the rows refused, with why."""
        refused: list[tuple[_Known, DomainError]] = []
        codes = {known.line.words["station"] for known in batch}
        visible = Station.objects.visible_to(self.by).filter(code__in=codes).values_list("code", flat=True)
        stations = {station.code: station for station in lock_stations(self.by, codes=list(visible))}
        remembered = _remembered(batch, stations)
        new: list[tuple[_Known, Draft]] = []
        for known in batch:
            try:
                draft = draft_of(known.line, self.formats)
                if draft.station not in stations:
                    raise NotFound(_("There is no station “%(code)s”.") % {"code": draft.station[:64]})
                if row := next((remembered[name] for name in known.fingerprints if name in remembered), None):
                    self._again(known, draft, row)
                else:
                    new.append((known, draft))
            except DomainError as refusal:
                refused.append((known, refusal))
        refused += self._make(new, stations)
        self.outcome.refused += len(refused)
        return sorted(refused, key=lambda pair: pair[0].line.number)

    def _make(self, new: Sequence[tuple["_Known", Draft]], stations: Mapping[str, Station]) -> list[tuple["_Known", DomainError]]:
        """Rows never seen: made, or matched with the booking that already has their reference."""
        refused: list[tuple[_Known, DomainError]] = []
        rows = []
        made = services.create_many([draft for _known, draft in new], by=self.by)
        for (known, draft), booking in zip(new, made, strict=True):
            if isinstance(booking, DomainError) and booking.code == "duplicate":
                booking = self._adopt(booking.data, draft)
            elif not isinstance(booking, DomainError):
                self.outcome.created += 1
            if isinstance(booking, DomainError):
                refused.append((known, booking))
                continue
            rows.append(
                ImportedRow(
                    station=stations[draft.station],
                    booking=booking,
                    fingerprint=known.fingerprints[0],
                    content=content(known.line),
                )
            )
        ImportedRow.objects.bulk_create(rows)
        return refused

    def _adopt(self, booking_id: Any, draft: Draft) -> Booking | DomainError:
        """A booking that came by another way under the row's reference becomes what the row says."""
        try:
            version = Booking.objects.values_list("version", flat=True).get(pk=booking_id)
            booking = services.replace(booking_id, draft, by=self.by)
        except DomainError as refusal:
            return refusal
        self._count(booking.version != version)
        return booking

    def _again(self, known: "_Known", draft: Draft, row: ImportedRow) -> None:
        """A row seen before: left alone with all that staff did since, unless the file itself now says otherwise."""
        if not known.line.words.get("external_ref") or bytes(row.content) in contents(known.line):
            self._count(False)
            return
        services.replace(row.booking_id, draft, by=self.by)
        row.content = content(known.line)
        row.save(update_fields=["content"])
        self._count(True)

    def _count(self, changed: bool) -> None:
        if changed:
            self.outcome.updated += 1
        else:
            self.outcome.unchanged += 1


@dataclass(frozen=True)
class _Known:
    """A row with the names it is known by; `occurrence` says which of several alike it is."""

    line: Line
    occurrence: int
    fingerprints: list[bytes]


def _remembered(batch: Sequence[_Known], stations: Mapping[str, Station]) -> dict[bytes, ImportedRow]:
    names = {name for known in batch for name in known.fingerprints}
    found = ImportedRow.objects.filter(station__in=stations.values(), fingerprint__in=names)
    return {bytes(row.fingerprint): row for row in found}


class _Rejects:
    """The file of refused rows: as they stood, with line, occurrence and reason; made only when there is one."""

    def __init__(self, path: Path | None, source: Source) -> None:
        self._path, self._source, self._file = path, source, None
        self._writer: Any = None

    def write(self, known: _Known, refusal: DomainError) -> None:
        if self._path is None:
            return
        header = self._source.header()
        kept = [index for index, name in enumerate(header) if name not in (LINE, OCCURRENCE, REASON)]
        if self._writer is None:
            self._file = self._path.open("w", encoding="utf-8", newline="")
            self._writer = csv.writer(self._file, delimiter=self._source.delimiter)
            self._writer.writerow([*(header[index] for index in kept), LINE, OCCURRENCE, REASON])
        cells = [known.line.cells[index] for index in kept]
        self._writer.writerow([*cells, known.line.number, known.occurrence, reason(refusal)])

    def close(self) -> None:
        if self._file:
            self._file.close()


def reason(refusal: DomainError) -> str:
    """`code: sentence`, with the fields at fault."""
    fields = "; ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in refusal.fields.items())
    return f"{refusal.code}: {refusal}" + (f" ({fields})" if fields else "")


@transaction.atomic
def make_stations(hours: Mapping[str, tuple[int, int]], shape: NewStation, *, by: Person) -> None:
    """A station for each code that is not there yet, open every day over the hours that its rows span."""
    unknown = sorted(set(hours) - set(Station.objects.filter(code__in=hours).values_list("code", flat=True)))
    if unknown and not by.has_perm(ALL_STATIONS):
        raise BadFile(_("Only somebody with access to all stations can make new ones."))
    for code in unknown:
        station = Station(
            code=code, name=code, time_zone=shape.time_zone, country=shape.country, currency=shape.currency
        )
        station.full_clean()
        station.save()
        first, last = hours[code]
        starts = range(first, min(last, MINUTES_A_DAY), shape.minutes)
        Opening.objects.bulk_create(
            Opening(
                station=station,
                weekday=weekday,
                start=time(start // 60, start % 60),
                minutes=shape.minutes,
                capacity=shape.capacity,
                guest_capacity=shape.guest_capacity,
            )
            for weekday in Weekday
            for start in starts
        )
