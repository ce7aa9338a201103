"""Maps the columns of a file, and constants, to fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from bookings.importing import csv_injection
from bookings.importing.fields import (
    ALTERNATIVES,
    ICALENDAR_COLUMNS,
    INPUT_FIELDS,
    REQUIRED,
    SUMMABLE,
)
from bookings.importing.header import Header
from bookings.importing.source import FileRefused, Row

EVENT_START: Final = "DTSTART"
RECURRENCE_RULE: Final = "RRULE"


def parse_pairs(arguments: Sequence[str]) -> dict[str, str]:
    """Parse `FIELD=COLUMN` or `FIELD=VALUE`, each field once. Raises FileRefused."""
    found: dict[str, str] = {}
    for text in arguments:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise FileRefused(_("“%(text)s” has no “=”. Write FIELD=COLUMN or FIELD=VALUE.") % {"text": text})
        if name in found:
            raise FileRefused(_("%(name)s is given twice. Choose one.") % {"name": name})
        found[name] = value
    return found


@dataclass(frozen=True, slots=True)
class MappingOptions:
    """Options of the user: columns of fields, columns to sum for fields, and values for all rows."""

    maps: Mapping[str, str]
    sums: Mapping[str, str]
    constants: Mapping[str, str]

    def require_known(self) -> None:
        """Raises FileRefused for unknown fields, and for fields that are given more than once."""
        for name in [*self.maps, *self.sums, *self.constants]:
            if name not in INPUT_FIELDS:
                raise FileRefused(
                    _("There is no field “%(name)s”. The fields are: %(fields)s.")
                    % {"name": name, "fields": ", ".join(INPUT_FIELDS)}
                )
        for name in self.sums:
            if name not in SUMMABLE:
                raise FileRefused(
                    _("%(name)s cannot be summed. These fields can: %(fields)s.")
                    % {"name": name, "fields": ", ".join(sorted(SUMMABLE))}
                )
        if both := sorted((set(self.maps) | set(self.sums)) & set(self.constants)):
            raise FileRefused(_("%(name)s is both mapped and set. Choose one.") % {"name": both[0]})
        if both := sorted(set(self.maps) & set(self.sums)):
            raise FileRefused(_("%(name)s is both mapped and summed. Choose one.") % {"name": both[0]})

    @property
    def named(self) -> set[str]:
        return {*self.maps, *self.sums, *self.constants}


@dataclass(frozen=True)
class FieldMap:
    """Where each field comes from: columns by their index, or one value for all rows."""

    columns: Mapping[str, Sequence[int]]
    constants: Mapping[str, str]
    sums: frozenset[str]
    is_calendar: bool
    """Whether the columns are the properties of a calendar's events."""
    recurrence: int | None
    """The column of an event's recurrence rule."""

    @classmethod
    def of(cls, names: Sequence[str], options: MappingOptions) -> "FieldMap":
        """The map for a file with these columns. A column with a field's own name is used by default. Raises FileRefused."""
        options.require_known()
        header = Header(names)
        is_calendar = EVENT_START in header
        defaults = {name: name for name in INPUT_FIELDS if name in header}
        if is_calendar:
            defaults = _calendar_defaults(header) | defaults
        defaults = {name: column for name, column in defaults.items() if name not in options.named}
        ignored = _ignored_alternatives({*defaults, *options.named}, options.named)
        wanted = {**defaults, **options.maps, **options.sums}
        columns = {name: header.indexes(column) for name, column in wanted.items() if name not in ignored}
        _require_complete(header, {*columns, *options.constants})
        recurrence = header.index(RECURRENCE_RULE) if is_calendar and RECURRENCE_RULE in header else None
        return cls(columns, options.constants, frozenset(options.sums), is_calendar, recurrence)

    def texts(self, row: Row) -> dict[str, list[str]]:
        """The text of each field in a row, or its texts to sum."""
        found = {name: _texts(row, indexes, summed=name in self.sums) for name, indexes in self.columns.items()}
        return found | {name: [text] for name, text in self.constants.items()}

    def share_columns(self, date: str, time: str) -> bool:
        """Whether the two fields are read from the same cells."""
        return date in self.columns and self.columns[date] == self.columns.get(time)


def _calendar_defaults(header: Header) -> dict[str, str]:
    found = {
        name: "+".join(column for column in columns.split("+") if column in header)
        for name, columns in ICALENDAR_COLUMNS.items()
    }
    return {name: columns for name, columns in found.items() if columns}


def _ignored_alternatives(fields: set[str], named: set[str]) -> set[str]:
    """Fields that are ignored because the user named another with the same meaning. Raises FileRefused if several remain."""
    ignored: set[str] = set()
    for alternatives in ALTERNATIVES:
        used = [one for one in alternatives if one & fields]
        chosen = [one for one in used if one & named] or used
        if len(chosen) > 1:
            both = sorted(frozenset.union(*chosen) & fields)
            raise FileRefused(
                _("%(names)s mean the same. Choose one with --map or --set.") % {"names": ", ".join(both)}
            )
        ignored |= {name for one in used if one not in chosen for name in one}
    return ignored


def _require_complete(header: Header, fields: set[str]) -> None:
    missing = [name for name in REQUIRED if name not in fields]
    if "end_date" in fields and "end" not in fields:
        missing.append("end")
    if not missing:
        return
    if len(header.names) == 1:
        raise FileRefused(
            _("The file has only one column, “%(name)s”. If its columns are not separated by commas, use --delimiter.")
            % {"name": header.names[0]}
        )
    raise FileRefused(
        _("%(field)s is missing. Use --map %(field)s=COLUMN; the columns are: %(columns)s.")
        % {"field": missing[0], "columns": ", ".join(header.names)}
    )


def _texts(row: Row, indexes: Sequence[int], *, summed: bool) -> list[str]:
    if len(indexes) == 1 and not summed:
        return [csv_injection.unescape(row.cells[indexes[0]])]
    parts = (csv_injection.unescape(row.cells[index]).strip() for index in indexes)
    texts = [part for part in parts if part]
    return texts if summed else [" ".join(texts)]
