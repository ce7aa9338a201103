"""Runs an import: checks the whole file, then imports it in batches."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import BinaryIO, Final

from django.db import Error, transaction
from django.utils.translation import gettext as _

from accounts import roles
from accounts.audit import origin
from accounts.audit.origin import Channel
from accounts.models import AuditEntry, BlindIndex, Customer, User
from bookings.errors import Duplicate
from bookings.importing import batch
from bookings.importing.batch import ParsedRow, RowResult
from bookings.importing.entries import Entry, EntryReader
from bookings.importing.files import open_source
from bookings.importing.identity import RowRegistry, row_registry
from bookings.importing.mapping import FieldMap, MappingOptions
from bookings.importing.source import FileRefused, Row
from bookings.importing.stations import TEMPLATE_SETTINGS, Regions, SlotGrids, StationTemplate
from bookings.importing.values import Notation
from bookings.models import Booking, Hold, ImportedRow
from core.db import planner_statistics
from core.errors import DomainError, Invalid
from stations.access import ALL_STATIONS, Person
from stations.models import Station

log = logging.getLogger(__name__)

BATCH_SIZE: Final = 250
"""Rows per transaction: few enough that staff never wait long."""

ROWS_WORTH_ANALYZING: Final = 1_000
ANALYZED_MODELS: Final = (Booking, Hold, Customer, BlindIndex, ImportedRow, AuditEntry)


@dataclass(frozen=True)
class ImportOptions:
    """Options of the user. Columns and values are only checked when the file is opened."""

    maps: Mapping[str, str] = field(default_factory=dict)
    sums: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    notation: Notation = field(default_factory=Notation)
    file_name: str = ""
    """Its extension determines the kind of file."""
    sheet: str = ""
    """Name of a workbook's sheet; the first if empty."""
    encoding: str = "utf-8"
    delimiter: str = ","
    create_stations: bool = False
    dry_run: bool = False
    notify: bool = False
    """Whether customers get emails about what changes."""


@dataclass
class Summary:
    """Numbers of rows: `created`, `updated`, `unchanged` and `refused` add up to `rows`. Empty rows are only in `skipped`."""

    skipped: int = 0
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """How many rows were refused, by error code."""

    def count(self, outcome: batch.Outcome) -> None:
        self.rows += 1
        if isinstance(outcome, DomainError):
            self.refused += 1
            self.reasons[outcome.code] += 1
        else:
            setattr(self, outcome, getattr(self, outcome) + 1)

    def as_json(self) -> dict[str, int]:
        """The counts; `skipped` only if there are any."""
        counts = {name: getattr(self, name) for name in ("rows", *RowResult, "refused")}
        return counts | ({"skipped": self.skipped} if self.skipped else {})


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that was not imported, and why."""

    parsed: ParsedRow
    error: DomainError

    @property
    def reason(self) -> str:
        """The error's code and message, and the fields at fault; nothing of the row's content."""
        fields = (f"{name}: {' '.join(map(str, sentences))}" for name, sentences in self.error.fields.items())
        sentence = [] if isinstance(self.error, Invalid) and self.error.fields else [str(self.error)]
        return f"{self.error.code}: {' '.join([*sentence, *fields])}"


class Import:
    """The import of one file, which is checked when this is created.

    Raises FileRefused, or NotPermitted if the user may not import.
    """

    def __init__(self, file: BinaryIO, options: ImportOptions, *, by: Person) -> None:
        _require_permissions(by, options)
        self._by, self._options = by, options
        options.notation.require_valid()
        template_settings = {name: text for name, text in options.constants.items() if name in TEMPLATE_SETTINGS}
        self._blueprint = StationTemplate(template_settings)
        self.source = open_source(
            file,
            options.file_name,
            formats=options.notation.formats,
            sheet=options.sheet,
            encoding=options.encoding,
            delimiter=options.delimiter,
        )
        constants = {name: text for name, text in options.constants.items() if name not in template_settings}
        fields = FieldMap.of(self.source.header, MappingOptions(options.maps, options.sums, constants))
        notation = options.notation.for_calendar() if fields.is_calendar else options.notation
        self._reader = EntryReader(fields, notation, Regions(by, self._blueprint.region).of)
        self._reader.require_readable_constants()
        self._grids = SlotGrids(self._blueprint.minutes)
        self._skipped = 0
        self.rows = self._check()

    def run(
        self,
        *,
        on_refused: Callable[[RejectedRow], None],
        on_progress: Callable[[int], object] = lambda rows: None,
    ) -> Summary:
        """Import the rows in batches. If it is interrupted, importing the same file again continues there."""
        summary = Summary(skipped=self._skipped)
        with _acting_as(self._by), self._transaction(), row_registry(self.source.header) as registry:
            if self._options.create_stations:
                self._grids.create_stations(self._blueprint)
            for rows in _batches(self._parse(row, registry) for row in self._rows()):
                for parsed, outcome in zip(rows, self._import_batch(rows), strict=True):
                    summary.count(outcome)
                    if isinstance(outcome, DomainError):
                        on_refused(RejectedRow(parsed, outcome))
                on_progress(len(rows))
        self._analyze(summary)
        return summary

    def _analyze(self, summary: Summary) -> None:
        """Update the planner statistics: plans made for nearly empty tables are slow for full ones. A failure is only logged."""
        if self._options.dry_run or summary.created < ROWS_WORTH_ANALYZING:
            return
        try:
            planner_statistics.analyze(ANALYZED_MODELS)
        except Error as error:
            log.warning("Could not analyze the tables after the import: %s.", type(error).__name__)

    def _import_batch(self, rows: list[ParsedRow]) -> list[batch.Outcome]:
        return batch.import_rows(rows, by=self._by, notify=self._options.notify)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Roll back everything in a dry run."""
        if not self._options.dry_run:
            yield
            return
        with transaction.atomic():
            # Locks are kept until the end, so all are taken at once: batch by batch they would be taken out of order.
            list(Station.objects.visible_to(self._by).locked())
            yield
            transaction.set_rollback(True)

    def _check(self) -> int:
        """Read the whole file and count its rows, so that an invalid file is refused before anything is written."""
        count = 0
        for row in self.source.rows():
            if row.is_empty:
                self._skipped += 1
                continue
            count += 1
            if self._options.create_stations:
                entry = self._read(row)
                if isinstance(entry, Entry):
                    self._grids.add(entry)
        return count

    def _rows(self) -> Iterator[Row]:
        return (row for row in self.source.rows() if not row.is_empty)

    def _read(self, row: Row) -> Entry | DomainError:
        try:
            return self._reader.entry(row)
        except Invalid as refusal:
            return refusal

    def _parse(self, row: Row, registry: RowRegistry) -> ParsedRow:
        entry = self._read(row)
        if isinstance(entry, Entry) and entry.draft.external_ref and not registry.is_first_of_its_reference(entry, row):
            duplicate = Duplicate(_("An earlier row of the file has the same reference with different content."))
            return ParsedRow(row, registry.identify(row), duplicate)
        return ParsedRow(row, registry.identify(row), entry)


def _require_permissions(by: Person, options: ImportOptions) -> None:
    roles.require(by, roles.MANAGE)
    roles.require(by, roles.CHANGE)
    if options.create_stations and not by.has_perm(ALL_STATIONS):
        raise FileRefused(
            _("Only a person with access to all stations can create stations. Leave out --create-stations.")
        )


@contextmanager
def _acting_as(by: Person) -> Iterator[None]:
    actor = by if isinstance(by, User) else None
    with origin.override_origin(replace(origin.current_origin(), channel=Channel.IMPORT, actor=actor)):
        yield


def _batches(rows: Iterable[ParsedRow]) -> Iterator[list[ParsedRow]]:
    iterator = iter(rows)
    while found := list(islice(iterator, BATCH_SIZE)):
        yield found
