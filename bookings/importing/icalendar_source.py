"""Reads iCalendar files: each event is a row, its properties are columns.

Times with a zone get their offset from UTC; those without are local to the station. A recurring event becomes a row for each of
its dates, identified by UID and RECURRENCE-ID, unless it repeats without an end.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any, BinaryIO, Final

import recurring_ical_events
from django.utils.translation import gettext as _
from icalendar import Calendar, Component
from icalendar.prop import vCalAddress, vDDDTypes, vRecur

from bookings.importing.csv_source import encoding_error
from bookings.importing.formats import Formats
from bookings.importing.source import FileRefused, Row, Source

MAX_BYTES: Final = 16_000_000
"""Unlike other files, a calendar is read into memory as a whole."""
MAX_OCCURRENCES: Final = 1000
"""Of one event. An event with more counts as one without an end."""
MAX_UID_LENGTH: Final = 75
"""In characters: with the date of an occurrence, it has to fit into a booking's reference. Those of Outlook are longer."""

COLUMNS: Final = (
    "UID", "RECURRENCE-ID", "DTSTART", "DTEND", "RRULE", "STATUS", "CREATED", "SUMMARY", "DESCRIPTION", "LOCATION",
)  # fmt: skip
"""Columns of every calendar; all other properties of its events follow."""
NAME_SUFFIX: Final = ";CN"
"""“ATTENDEE;CN” is the name of the person whose address is in ATTENDEE."""

_MAILTO: Final = re.compile("mailto:", re.IGNORECASE)
_EVENT: Final = re.compile(r"BEGIN:VEVENT\s*", re.IGNORECASE)


class IcalendarSource(Source):
    def __init__(self, file: BinaryIO, *, formats: Formats, encoding: str, delimiter: str) -> None:
        super().__init__(file, encoding=encoding, delimiter=delimiter)
        self._formats = formats
        self._events = [
            (line, self._cells(event))
            for calendar, events in _calendars(_text(file, self.encoding))
            for line, event in _expanded(calendar, events)
        ]
        others = dict.fromkeys(name for _line, cells in self._events for name in cells)
        self.header = tuple(dict.fromkeys([*COLUMNS, *others]))

    def rows(self) -> Iterator[Row]:
        for line, cells in self._events:
            yield Row(line, tuple(cells.get(name, "") for name in self.header))

    def _cells(self, event: Component) -> dict[str, str]:
        cells: dict[str, str] = {}
        for name, found in event.items():
            values = found if isinstance(found, list) else [found]
            cells[name] = _recurrence_id(found) if name == "RECURRENCE-ID" else ", ".join(map(self._cell, values))
            if names := [str(value.params["CN"]) for value in values if "CN" in getattr(value, "params", {})]:
                cells[name + NAME_SUFFIX] = ", ".join(names)
        if len(cells.get("UID", "")) > MAX_UID_LENGTH:
            cells["UID"] = hashlib.sha256(cells["UID"].encode()).hexdigest()
        if "DTEND" not in cells and (end := _end(event)):
            cells["DTEND"] = self._formats.write(end)
        if cells.get("DTEND") == cells.get("DTSTART"):
            cells["DTEND"] = ""  # no duration by the standard: one slot
        return cells

    def _cell(self, value: Any) -> str:
        if isinstance(value, vCalAddress):
            return _MAILTO.sub("", str(value), count=1)
        if isinstance(value, str):
            return str(value)
        moment = _temporal_value(value)
        if isinstance(moment, date | time | timedelta) and not _lost_its_zone(value):
            return self._formats.write(moment)
        written: str = value.to_ical().decode()
        return f"{written} {value.params['TZID']}" if "TZID" in getattr(value, "params", {}) else written


def _recurrence_id(value: Any) -> str:
    """The date of an occurrence, in a text that does not depend on the formats and zones of the file."""
    moment = _temporal_value(value)
    if isinstance(moment, datetime) and moment.tzinfo:
        return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return f"{moment:%Y%m%dT%H%M%S}" if isinstance(moment, date) else str(value)


def _temporal_value(value: Any) -> Any:
    """The date, time or duration of a property; None if it is not valid."""
    return value.dt if isinstance(value, vDDDTypes) else None


def _lost_its_zone(value: vDDDTypes) -> bool:
    """Whether it has an unknown time zone, so that it must not be taken for a local time of the station."""
    return "TZID" in value.params and isinstance(value.dt, datetime) and value.dt.tzinfo is None


def _end(event: Component) -> datetime | None:
    """The end of an event that has a duration."""
    start, length = _temporal_value(event.get("DTSTART")), _temporal_value(event.get("DURATION"))
    if not (isinstance(start, datetime) and isinstance(length, timedelta)):
        return None
    return (start.astimezone(UTC) if start.tzinfo else start) + length


def _text(file: BinaryIO, encoding: str) -> str:
    file.seek(0)
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise FileRefused(_("The calendar is too large. Export it in parts, such as one for each year."))
    try:
        return data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeError as error:
        line = data[: getattr(error, "start", 0)].count(b"\n") + 1
        raise FileRefused(encoding_error(line, encoding)) from None


def _calendars(text: str) -> Iterator[tuple[Component, list[tuple[int, Component]]]]:
    """The calendars of a file, each with its events and the lines on which they start. Raises FileRefused."""
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if _EVENT.fullmatch(line)]
    try:
        calendars = Calendar.from_ical(text, multiple=True)
    except ValueError:
        raise FileRefused(_("This is not an iCalendar file.")) from None
    found = [(calendar, calendar.walk("VEVENT")) for calendar in calendars]
    if not found or sum(len(events) for _calendar, events in found) != len(lines):
        raise FileRefused(_("This is not a complete iCalendar file."))
    numbers = iter(lines)
    for calendar, events in found:
        numbered = list(zip(numbers, events, strict=False))
        for line, event in numbered:
            if any(name is None for name, _why in event.errors):
                raise FileRefused(_("The event that starts on line %(line)d is not valid.") % {"line": line})
        yield calendar, numbered


def _expanded(calendar: Component, events: Sequence[tuple[int, Component]]) -> Iterator[tuple[int, Component]]:
    """Each event, or each occurrence of a recurring event, with the changes to single occurrences applied."""
    parts: defaultdict[str, list[Component]] = defaultdict(list)
    for _line, event in events:
        parts[str(event.get("UID"))].append(event)
    dates = {
        uid: _occurrences(calendar, series)
        for uid, series in parts.items()
        if any(_is_recurring(event) for event in series)
    }
    for line, event in events:
        found = dates.get(str(event.get("UID")))
        if found is None:
            yield line, event
        elif _is_recurring(event):
            yield from ((line, one) for one in found)


def _is_recurring(event: Component) -> bool:
    return "RRULE" in event or "RDATE" in event


def _occurrences(calendar: Component, series: Sequence[Component]) -> list[Component] | None:
    """The occurrences of a recurring event; None if there is no end of them, or if they cannot be computed."""
    if any(_is_endless(event) for event in series):
        return None
    alone = Calendar(calendar)
    alone.subcomponents = [*calendar.walk("VTIMEZONE"), *series]
    try:
        found = list(islice(recurring_ical_events.of(alone).all(), MAX_OCCURRENCES + 1))
    except (ValueError, TypeError, OverflowError):
        return None
    return found if len(found) <= MAX_OCCURRENCES else None


def _is_endless(event: Component) -> bool:
    rules = event.get("RRULE", [])
    return any(
        not isinstance(rule, vRecur) or not ("COUNT" in rule or "UNTIL" in rule)
        for rule in (rules if isinstance(rules, list) else [rules])
    )
