"""Reads the cells of a row as the draft of a booking."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.utils.translation import gettext as _

from bookings.importing import values
from bookings.importing.fields import DEFAULTS, EMPTY_VALUES, FIELDS, MONEY
from bookings.importing.mapping import RECURRENCE_RULE, FieldMap
from bookings.importing.source import FileRefused, Row
from bookings.importing.values import TEXT_READERS, Notation, Region
from bookings.services import Contact
from bookings.services.inputs import Draft
from core import money
from core.errors import Invalid

CONTACT_FIELDS: Final = ("customer_name", "customer_email", "customer_phone")
LENGTH_FIELDS: Final = frozenset({"duration_minutes", "ends_at", "end"})
DAY: Final = timedelta(days=1)
MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """The booking that a row describes."""

    draft: Draft
    values: Mapping[str, Any] = field(repr=False)
    """The fields that the file has, with their values."""
    minutes: int | None = None
    """The length of the booking if the file gives that instead of a number of slots."""


@dataclass(frozen=True)
class EntryReader:
    """Reads rows as entries. `region_of` returns the time zone and currency of a station, given its code."""

    fields: FieldMap
    notation: Notation
    region_of: Callable[[str], Region]

    def require_readable_constants(self) -> None:
        """Raises FileRefused for an invalid constant. Whether an amount fits a currency is only known for each row."""
        for name, text in self.fields.constants.items():
            try:
                if name in MONEY and text:
                    money.require_amount(text)
                else:
                    self._value(name, text, self.region_of(""))
            except ValueError as error:
                raise FileRefused(f"--set {name}: {error}") from None

    def entry(self, row: Row) -> Entry:
        """Raises Invalid, with all fields at fault, for invalid cells."""
        self._require_single(row)
        texts = self.fields.texts(row)
        region = self.region_of(values.plain(texts["station"][0]))
        found: dict[str, Any] = {}
        errors: dict[str, list[str]] = {}
        for name, parts in texts.items():
            try:
                found[name] = (
                    self._sum(name, parts, region) if name in self.fields.sums else self._value(name, parts[0], region)
                )
            except ValueError as error:
                errors[name] = [str(error)]
        if errors:
            raise Invalid(fields=errors)
        return _entry(found, region)

    def _require_single(self, row: Row) -> None:
        column = self.fields.recurrence
        if column is not None and row.cells[column].strip():
            sentence = _("This event repeats without an end. Add a row for each date and clear this cell.")
            raise Invalid(fields={RECURRENCE_RULE: [sentence]})

    def _sum(self, name: str, texts: list[str], region: Region) -> Any:
        return sum(self._value(name, text, region) for text in texts) if texts else EMPTY_VALUES[name]

    def _value(self, name: str, text: str, region: Region) -> Any:
        if name in EMPTY_VALUES and not text.strip():
            return EMPTY_VALUES[name]
        if name in TEXT_READERS:
            return TEXT_READERS[name](text)
        if name in MONEY:
            return values.read_amount(text, self.notation, region)
        if name == "status":
            return values.read_status(text, self.notation)
        return self._moment(name, text)

    def _moment(self, name: str, text: str) -> date | time:
        """A date, a time, or (for `ends_at` and `created_at`) both."""
        if not text.strip():
            raise ValueError(_("This cell is empty."))
        formats = self.notation.formats
        match name:
            case "date" | "end_date" if self.fields.share_columns(name, _TIME_OF[name]):
                return formats.read_datetime(text).date()
            case "slot" | "end" if self.fields.share_columns(_DATE_OF[name], name):
                return formats.read_datetime(text).timetz()
            case "date" | "end_date":
                return formats.read_date(text)
            case "slot":
                return formats.read_time(text)
            case "end":
                return formats.read_end_time(text)
            case "ends_at":
                return formats.read_datetime(text)
            case _:
                return formats.read_timestamp(text)


_TIME_OF: Final = {"date": "slot", "end_date": "end"}
_DATE_OF: Final = {time: date for date, time in _TIME_OF.items()}


def _entry(found: Mapping[str, Any], region: Region) -> Entry:
    """The entry with these values of its fields. Raises Invalid if they contradict each other."""
    start = datetime.combine(found["date"], found["slot"])
    with _error_in("date"):
        values.require_known_date(start.date())
    with _error_in("slot"):
        local = values.in_zone(start, region.zone)
        values.require_start(local.time())
    minutes = _minutes(found, start, region)
    known = {MONEY.get(name, name): value for name, value in found.items() if MONEY.get(name, name) in FIELDS}
    known |= {"date": local.date(), "slot": local.time()}
    if not LENGTH_FIELDS.isdisjoint(found):
        known["slots"] = f"{minutes} minutes" if minutes else EMPTY_VALUES["slots"]
    return Entry(_draft(known, _created_at(found, region)), known, minutes)


def _minutes(found: Mapping[str, Any], start: datetime, region: Region) -> int | None:
    """The length of the booking in minutes, rounded up; None if the row has no end."""
    if found.get("duration_minutes"):
        return int(found["duration_minutes"])
    name = "ends_at" if "ends_at" in found else "end"
    with _error_in(name):
        end = found.get("ends_at") or _end(found, start, region)
        if end is None:
            return None
        length = values.as_instant(end, region.zone) - values.as_instant(start, region.zone)
        if length <= timedelta(0):
            raise ValueError(_("The end must be after the start."))
    return -(-length // MINUTE)


def _end(found: Mapping[str, Any], start: datetime, region: Region) -> datetime | None:
    """The end, given its time and, if the row has it, its date. Without a date, a time before the start is on the next day."""
    end, end_date = found.get("end"), found.get("end_date")
    if end is None:
        if end_date and end_date > found["date"]:
            raise ValueError(_("The end time is missing."))
        return None
    moment = datetime.combine(end_date or found["date"], end)
    is_before = values.as_instant(moment, region.zone) < values.as_instant(start, region.zone)
    return moment + DAY if is_before and not end_date else moment


def _created_at(found: Mapping[str, Any], region: Region) -> datetime | None:
    if not found.get("created_at"):
        return None
    with _error_in("created_at"):
        values.require_known_date(found["created_at"].date())
        return values.as_instant(found["created_at"], region.zone)


def _draft(known: Mapping[str, Any], created_at: datetime | None) -> Draft:
    fields = {name: value for name, value in {**DEFAULTS, **known}.items() if name not in CONTACT_FIELDS}
    if isinstance(fields.get("slots"), str):
        del fields["slots"]  # the station's timetable determines their number
    contact = Contact(*(known.get(name, "") for name in CONTACT_FIELDS))
    return Draft(customer=contact if contact.given else None, created_at=created_at, **fields)


@contextmanager
def _error_in(name: str) -> Iterator[None]:
    """Turn a ValueError into an Invalid that names the field."""
    try:
        yield
    except ValueError as error:
        raise Invalid(fields={name: [str(error)]}) from None
