"""Reads the values of cells: numbers, statuses, amounts and times.

Functions that read raise ValueError with a message that never contains the text itself.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db.models import IntegerField
from django.utils.translation import gettext as _

from bookings.importing.formats import Formats
from bookings.importing.source import FileRefused
from bookings.models import Booking
from bookings.models.fields import EDITABLE_FIELDS
from bookings.models.status import Status
from core import money, validators
from core.invisible_characters import without_invisible
from core.money import AmbiguousAmount
from stations.models import Opening, Station

if TYPE_CHECKING:
    from django.db.models import Field

_WHOLE_NUMBER: Final = re.compile(r"(?P<digits>[0-9]{1,18})(?:[.,]0{1,2})?")
_HOURS_AND_MINUTES: Final = re.compile(r"(?P<hours>[0-9]{1,3}):(?P<minutes>[0-5][0-9])(?::00)?")
_BETWEEN_WORDS: Final = re.compile(r"[\s_-]+")
_STATION_CODE: Final = Station._meta.get_field("code")
_START: Final = Opening._meta.get_field("start")


@dataclass(frozen=True, slots=True)
class Region:
    """Time zone and currency of a station."""

    zone: ZoneInfo
    currency: str


@dataclass(frozen=True, slots=True)
class Notation:
    """How values are written in a file. `statuses` maps the file's own words to statuses, as `status_map` parses them."""

    formats: Formats = field(default_factory=Formats)
    decimal_mark: str = ""
    statuses: Mapping[str, Status] = field(default_factory=dict)

    def for_calendar(self) -> "Notation":
        """With the one status of calendar events that bookings do not have."""
        return replace(self, statuses={"tentative": Status.PENDING, **self.statuses})

    def require_valid(self) -> None:
        """Raises FileRefused."""
        self.formats.require_complete()
        if self.decimal_mark not in ("", *money.DECIMAL_MARKS):
            raise FileRefused(_("The decimal mark must be “.” or “,”."))


def status_map(pairs: Sequence[str]) -> dict[str, Status]:
    """Parse `TEXT=STATUS`, with the text in any case. Raises FileRefused."""
    found = {}
    for pair in pairs:
        text, equals, status = pair.rpartition("=")
        if not equals or not text:
            raise FileRefused(_("“%(text)s” has no “=”. Write TEXT=STATUS.") % {"text": pair})
        try:
            found[_word(text)] = read_status(status, Notation())
        except ValueError as error:
            raise FileRefused(f"--status-map {pair}: {error}") from None
    return found


def read_number(text: str) -> int:
    """Read a whole number. Spreadsheets may have added decimals: “2.0” is 2."""
    if not (found := _WHOLE_NUMBER.fullmatch(plain(text))):
        raise ValueError(_("This is not a whole number. Use digits only."))
    return int(found["digits"])


def read_minutes(text: str) -> int:
    """Read a length in minutes: “90” or “1:30”."""
    found = _HOURS_AND_MINUTES.fullmatch(plain(text))
    minutes = int(found["hours"]) * 60 + int(found["minutes"]) if found else read_number(text)
    if not minutes:
        raise ValueError(_("A booking must last at least one minute."))
    return minutes


def read_status(text: str, notation: Notation) -> Status:
    """Read a status in any case and spelling (“No-Show”), or one of the file's own words."""
    word = _word(text)
    if found := notation.statuses.get(word) or _STATUSES.get(word.replace(" ", "")):
        return found
    raise ValueError(
        _("Unknown status. The statuses are: %(statuses)s.") % {"statuses": ", ".join(Status.values)}
        + " "
        + _("Map other words with --status-map TEXT=STATUS.")
    )


def read_amount(text: str, notation: Notation, region: Region) -> int:
    """Read an amount in whole units, and return it in minor units of the station's currency."""
    try:
        return money.minor_units(text, region.currency, decimal_mark=notation.decimal_mark)
    except AmbiguousAmount:
        raise ValueError(_("This amount is ambiguous. Specify the decimal mark with --decimal.")) from None


def in_zone(value: datetime, zone: ZoneInfo) -> datetime:
    """The local time of an instant, without `tzinfo`. A value without a zone is local already.

    Raises ValueError for the repeated hour when clocks go back, in which there are no slots.
    """
    if value.tzinfo is None:
        return value
    try:
        local = value.astimezone(zone)
    except OverflowError:
        raise ValueError(_("Choose a date between 1900 and 2999.")) from None
    if local.fold:
        raise ValueError(
            _("This is in the hour that is repeated when clocks go back. Only the first of the two can be booked.")
        )
    return local.replace(tzinfo=None)


def as_instant(value: datetime, zone: ZoneInfo) -> datetime:
    """The instant in UTC. A value without a zone is a local time of the station."""
    try:
        return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        raise ValueError(_("Choose a date between 1900 and 2999.")) from None


def require_start(start: time) -> None:
    """Raises ValueError for a time at which no slot can start."""
    _run(_START.validators, start)


def require_known_date(day: date) -> None:
    """Raises ValueError for a date outside of the supported range."""
    _run([validators.known_date], day)


def plain(text: str) -> str:
    """The text without blanks around it and without invisible characters."""
    return without_invisible(text).strip()


def _word(text: str) -> str:
    return _BETWEEN_WORDS.sub(" ", plain(text).casefold())


def _one_line(field: "Field[Any, Any]", text: str) -> str:
    """Strip and validate a text, because rows are looked up by it before a service validates it."""
    if line := text.strip():
        _run(field.validators, line)
    return line


def _run(checks: Iterable[Callable[[Any], None]], value: object) -> None:
    for check in checks:
        try:
            check(value)
        except ValidationError as error:
            raise ValueError(" ".join(error.messages)) from None


def _station(text: str) -> str:
    if not plain(text):
        raise ValueError(_("The station is missing."))
    return _one_line(_STATION_CODE, plain(text))


def _as_written(text: str) -> str:
    return text


_STATUSES: Final = {status.value.replace("_", ""): status for status in Status}


def _reader(name: str) -> Callable[[str], Any]:
    return read_number if isinstance(Booking._meta.get_field(name), IntegerField) else _as_written


TEXT_READERS: Final[dict[str, Callable[[str], Any]]] = {
    **{name: _reader(name) for name in EDITABLE_FIELDS},
    "external_ref": partial(_one_line, Booking._meta.get_field("external_ref")),
    "station": _station,
    "customer_name": _as_written,
    "customer_email": _as_written,
    "customer_phone": _as_written,
    "duration_minutes": read_minutes,
}
"""How fields are read whose text needs no context."""
