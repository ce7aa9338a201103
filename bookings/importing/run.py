"""An import from beginning to end: the file checked as a whole, then brought in batch by batch."""

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
from bookings.importing.batch import Done, Item
from bookings.importing.entries import Entry, EntryReader
from bookings.importing.files import open_source
from bookings.importing.identity import Register, register
from bookings.importing.mapping import FieldMap, MappingOptions
from bookings.importing.source import FileRefused, Row
from bookings.importing.stations import SETTINGS, Blueprint, Grids, Regions
from bookings.importing.values import Notation
from bookings.models import Booking, Hold, ImportedRow
from core.db import planner_statistics
from core.errors import DomainError, Invalid
from stations.access import ALL_STATIONS, Person
from stations.models import Station

log = logging.getLogger(__name__)

ROWS_AT_ONCE: Final = 250
"""Written in one transaction: few enough that staff at their pages never wait long for it."""

ROWS_WORTH_ANALYZING: Final = 1_000
FILLED: Final = (Booking, Hold, Customer, BlindIndex, ImportedRow, AuditEntry)


@dataclass(frozen=True)
class Order:
    """What was asked for, as it was said: formats, columns and values are only looked at with the file."""

    maps: Mapping[str, str] = field(default_factory=dict)
    sums: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    notation: Notation = field(default_factory=Notation)
    file_name: str = ""
    """Its ending says what kind of file it is."""
    sheet: str = ""
    """Of a workbook; without a name, its first."""
    encoding: str = "utf-8"
    delimiter: str = ","
    create_stations: bool = False
    dry_run: bool = False
    notify: bool = False
    """Whether customers hear of what changes."""


@dataclass
class Summary:
    """Every row accounted for: the last four add up to the first. Rows of empty cells are skipped, and no rows."""

    skipped: int = 0
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """How often each rule refused, by its code."""

    def count(self, outcome: batch.Outcome) -> None:
        self.rows += 1
        if isinstance(outcome, DomainError):
            self.refused += 1
            self.reasons[outcome.code] += 1
        else:
            setattr(self, outcome, getattr(self, outcome) + 1)

    def as_json(self) -> dict[str, int]:
        """How many rows there were, and what became of them; `skipped` only where there are such."""
        counts = {name: getattr(self, name) for name in ("rows", *Done, "refused")}
        return counts | ({"skipped": self.skipped} if self.skipped else {})


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that did not go in, as it stood, and why."""

    item: Item
    error: DomainError

    @property
    def reason(self) -> str:
        """The rule's code and sentence, and the fields at fault; nothing of what the row says."""
        fields = (f"{name}: {' '.join(map(str, sentences))}" for name, sentences in self.error.fields.items())
        sentence = [] if isinstance(self.error, Invalid) and self.error.fields else [str(self.error)]
        return f"{self.error.code}: {' '.join([*sentence, *fields])}"


class Import:
    """One file, checked as a whole on making: raises FileRefused, or NotPermitted for somebody who may not
    import.
    """

    def __init__(self, file: BinaryIO, order: Order, *, by: Person) -> None:
        _require_rights(by, order)
        self._by, self._order = by, order
        order.notation.require_valid()
        for_stations = {name: text for name, text in order.constants.items() if name in SETTINGS}
        self._blueprint = Blueprint(for_stations)
        self.source = open_source(
            file,
            order.file_name,
            formats=order.notation.formats,
            sheet=order.sheet,
            encoding=order.encoding,
            delimiter=order.delimiter,
        )
        of_bookings = {name: text for name, text in order.constants.items() if name not in for_stations}
        fields = FieldMap.of(self.source.header, MappingOptions(order.maps, order.sums, of_bookings))
        notation = order.notation.for_calendar() if fields.is_calendar else order.notation
        self._reader = EntryReader(fields, notation, Regions(by, self._blueprint.region).of)
        self._reader.require_readable_constants()
        self._grids = Grids(self._blueprint.minutes)
        self._skipped = 0
        self.rows = self._check()

    def run(
        self,
        *,
        on_refused: Callable[[Refused], None],
        on_progress: Callable[[int], object] = lambda rows: None,
    ) -> Summary:
        """Bring the rows in. What one batch wrote stays whatever happens to the next: the same file again
        goes on there.
        """
        summary = Summary(skipped=self._skipped)
        with _acting(self._by), self._written(), register(self.source.header) as known:
            if self._order.create_stations:
                self._grids.make_stations(self._blueprint)
            for items in _batches(self._item(row, known) for row in self._rows()):
                for item, outcome in zip(items, self._settle(items), strict=True):
                    summary.count(outcome)
                    if isinstance(outcome, DomainError):
                        on_refused(Refused(item, outcome))
                on_progress(len(items))
        self._analyze(summary)
        return summary

    def _analyze(self, summary: Summary) -> None:
        """Plans made for nearly empty tables are slow for full ones. All rows are in: a failure is no reason to say otherwise."""
        if self._order.dry_run or summary.created < ROWS_WORTH_ANALYZING:
            return
        try:
            planner_statistics.analyze(FILLED)
        except Error as error:
            log.warning("The tables that were filled could not be analyzed: %s.", type(error).__name__)

    def _settle(self, items: list[Item]) -> list[batch.Outcome]:
        return batch.settle(items, by=self._by, notify=self._order.notify)

    @contextmanager
    def _written(self) -> Iterator[None]:
        """A dry run is a real one, taken back as a whole. It keeps every lock until its end: so it takes them all at once, for to
        take them batch by batch would wait against the order of keys.
        """
        if not self._order.dry_run:
            yield
            return
        with transaction.atomic():
            list(Station.objects.visible_to(self._by).locked())
            yield
            transaction.set_rollback(True)

    def _check(self) -> int:
        """Read it all once: whatever is wrong with the file as a file is found before anything is written."""
        count = 0
        for row in self.source.rows():
            if row.is_empty:
                self._skipped += 1
                continue
            count += 1
            if self._order.create_stations:
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

    def _item(self, row: Row, known: Register) -> Item:
        entry = self._read(row)
        if isinstance(entry, Entry) and entry.draft.external_ref and not known.is_first_of_its_reference(entry, row):
            again = Duplicate(_("An earlier row of the file has the same reference with different content."))
            return Item(row, known.identify(row), again)
        return Item(row, known.identify(row), entry)


def _require_rights(by: Person, order: Order) -> None:
    roles.require(by, roles.MANAGE)
    roles.require(by, roles.CHANGE)
    if order.create_stations and not by.has_perm(ALL_STATIONS):
        raise FileRefused(
            _("Only a person with access to all stations can create stations. Leave out --create-stations.")
        )


@contextmanager
def _acting(by: Person) -> Iterator[None]:
    actor = by if isinstance(by, User) else None
    with origin.override_origin(replace(origin.current_origin(), channel=Channel.IMPORT, actor=actor)):
        yield


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while found := list(islice(iterator, ROWS_AT_ONCE)):
        yield found
