"""Date and time formats of a file."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Final

from django.utils.translation import gettext as _

from bookings.importing.source import FileRefused
from core.invisible_characters import without_invisible

DATE_FORMAT: Final = "%Y-%m-%d"
TIME_FORMAT: Final = "%H:%M"
CACHE_SIZE: Final = 4096

END_OF_DAY: Final = time.max
"""Stands for “24:00”, which `time` cannot hold."""

_EXAMPLE: Final = datetime(2004, 2, 29, 13, 45, tzinfo=timezone(timedelta(hours=5, minutes=30)))
_OFFSET: Final = r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ISO_TIME: Final = re.compile(rf"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{{1,6}})?)?{_OFFSET}")
_ISO_DATETIME: Final = re.compile(rf"{_ISO_DATE.pattern}[T ]{_ISO_TIME.pattern}")
_END_OF_DAY: Final = re.compile(r"24:00(?::00)?")
_HOURS_ONLY: Final = re.compile(r"(?<=[0-9])(?P<offset>\s*[+-][0-9]{2})\Z")
_DIRECTIVE: Final = re.compile(r"%[-#]?.")
_ENDS_IN_UTC: Final = re.compile(r"(?<![^\W\d_])(?:Z|UTC|GMT)\s*\Z")


@dataclass(frozen=True, slots=True)
class Formats:
    """Formats of `strptime`; "" is ISO 8601. A cell with both date and time is in a format that has both, or else in the two
    formats joined by a space.

    A time with a zone (`%z`, or a literal Z, UTC or GMT at the end) is an instant, and is returned with its `tzinfo`. Methods
    that read raise ValueError with a message that never contains the text itself.
    """

    date_format: str = ""
    time_format: str = ""

    def require_complete(self) -> None:
        """Raises FileRefused for a format that does not determine a date or a time."""
        if "%Z" in self.date_format + self.time_format:
            raise FileRefused(_("Time zone names (%Z) are ambiguous. Use %z for offsets such as +0200."))
        if self.date_format and not _determines_date(self.date_format):
            raise FileRefused(_("The date format is incomplete. Write it like “%d.%m.%Y”."))
        if self.time_format and not _determines_time(self.time_format):
            raise FileRefused(_("The time format is incomplete. Write it like “%H:%M” or “%I:%M %p”."))

    def read_date(self, text: str) -> date:
        """Read a date, which may be followed by midnight, as databases and spreadsheets write dates."""
        written = _plain(text)
        try:
            return self._date(written)
        except ValueError:
            if (found := self._date_at_midnight(written)) is None:
                raise
            return found

    def read_time(self, text: str) -> time:
        written = _plain(text)
        if self.time_format:
            return _parse(written, self.time_format, _("This is not a time in the format %(format)s.")).timetz()
        if _ISO_TIME.fullmatch(written):
            return time.fromisoformat(written)
        raise ValueError(_("This is not a time in the format HH:MM. Use --time-format for another format."))

    def read_end_time(self, text: str) -> time:
        """Read the time of an end: “24:00” is END_OF_DAY."""
        return END_OF_DAY if _END_OF_DAY.fullmatch(_plain(text)) else self.read_time(text)

    def read_datetime(self, text: str) -> datetime:
        """Read a date and time in one cell."""
        written, message = _plain(text), _("This is not a date and time in the format %(format)s.")
        if self._datetime_format:
            return _parse(written, self._datetime_format, message)
        if _ISO_DATETIME.fullmatch(written):
            return datetime.fromisoformat(written)
        raise ValueError(message % {"format": f"{DATE_FORMAT} {TIME_FORMAT}"})

    def read_timestamp(self, text: str) -> datetime:
        """Read a date and time, or a date alone, which stands for its midnight."""
        try:
            return self.read_datetime(text)
        except ValueError:
            return datetime.combine(self.read_date(text), time.min)

    def write(self, value: date | time | timedelta) -> str:
        """The value in these formats if they can read it back, or else in ISO 8601; a length of 90 minutes is “01:30”."""
        if isinstance(value, timedelta):
            return "{:02}:{:02}".format(*divmod(round(value.total_seconds() / 60), 60))
        if isinstance(value, datetime):
            return _in_format(value, self._datetime_format, _itself) or value.isoformat(" ", _precision(value))
        if isinstance(value, date):
            return _in_format(datetime.combine(value, time.min), self.date_format, datetime.date) or value.isoformat()
        example = datetime.combine(_EXAMPLE, value)
        return _in_format(example, self.time_format, datetime.timetz) or value.isoformat(_precision(value))

    @property
    def _datetime_format(self) -> str:
        for fmt in (self.date_format, self.time_format):
            if fmt and _determines_date(fmt) and _determines_time(fmt):
                return fmt
        return (
            f"{self.date_format or DATE_FORMAT} {self.time_format or TIME_FORMAT}"
            if self.date_format or self.time_format
            else ""
        )

    def _date(self, written: str) -> date:
        if self.date_format:
            return _parse(written, self.date_format, _("This is not a date in the format %(format)s.")).date()
        if _ISO_DATE.fullmatch(written):
            return date.fromisoformat(written)
        raise ValueError(_("This is not a date in the format YYYY-MM-DD. Use --date-format for another format."))

    def _date_at_midnight(self, written: str) -> date | None:
        try:
            found = self.read_datetime(written)
        except ValueError:
            return None
        return found.date() if found.timetz() == time.min else None


def _plain(text: str) -> str:
    return without_invisible(text).strip()


@lru_cache(CACHE_SIZE)
def _parse(written: str, fmt: str, message: str) -> datetime:
    """Raises ValueError with the message, in which `format` is filled in."""
    if "%z" in fmt:
        written = _HOURS_ONLY.sub(r"\g<offset>00", written)  # “+02”, as PostgreSQL writes it
    try:
        found = datetime.strptime(written, fmt)
    except ValueError:
        raise ValueError(message % {"format": fmt}) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None and _ends_in_utc(fmt) else found


@lru_cache(CACHE_SIZE)
def _ends_in_utc(fmt: str) -> bool:
    """Whether a format ends in a literal Z, UTC or GMT, so that it reads instants."""
    return bool(_ENDS_IN_UTC.search(_DIRECTIVE.sub("0", fmt)))


@lru_cache(CACHE_SIZE)
def _determines_date(fmt: str) -> bool:
    return bool(_in_format(_EXAMPLE, fmt, datetime.date))


@lru_cache(CACHE_SIZE)
def _determines_time(fmt: str) -> bool:
    return bool(_in_format(_EXAMPLE, fmt, datetime.time))


def _in_format(value: datetime, fmt: str, part: Callable[[datetime], date | time]) -> str:
    """The value in a format; "" if there is none, or if it cannot represent what `part` takes of the value."""
    if value.tzinfo and _ends_in_utc(fmt):
        value = value.astimezone(UTC)
    text = value.strftime(fmt)
    try:
        return text if part(_parse(text, fmt, "")) == part(value) else ""
    except ValueError:
        return ""


def _itself(value: datetime) -> datetime:
    return value


def _precision(value: datetime | time) -> str:
    return "auto" if value.second or value.microsecond else "minutes"
