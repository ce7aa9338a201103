"""What a row means: which columns feed which field, in what format, and the draft of a booking that comes of
it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from bookings import formulas
from bookings.drafts import Draft
from bookings.importing.source import FileRefused, Row
from bookings.models import Booking
from bookings.services import Contact
from bookings.workflow import Status
from stations.errors import Invalid
from stations.models import Opening, Station

if TYPE_CHECKING:
    from django.db.models import Field

Value = TypeVar("Value", str, time)

FIELDS: Final = (
    "external_ref", "station", "date", "slot", "slots", "status",
    "customer_name", "customer_email", "customer_phone", "party_adults", "party_kids",
    "special_requests", "total_due_cents", "deposit_due_cents", "source",
)  # fmt: skip
"""All that a file can say of a booking, in the order in which an export says it."""

REQUIRED: Final = ("station", "date", "slot")
DEFAULTS: Final[dict[str, Any]] = {"status": Status.CONFIRMED, "source": "import"}
WHERE_EMPTY: Final[dict[str, Any]] = {
    "slots": 1,
    "status": Status.CONFIRMED,
    "party_adults": 1,
    "party_kids": 0,
    "special_requests": None,
    "total_due_cents": 0,
    "deposit_due_cents": 0,
}
"""What an empty cell means. An empty source stays empty: only where nothing speaks of it is it “import”."""

DATE_FORMAT: Final = "%Y-%m-%d"
TIME_FORMAT: Final = "%H:%M"
MOST_DIGITS: Final = 18
_ANY_MOMENT: Final = datetime(2004, 2, 29, 13, 45)


def pairs(said: Sequence[str]) -> dict[str, str]:
    """`FIELD=COLUMN` or `FIELD=VALUE`, each field once. Raises FileRefused."""
    found: dict[str, str] = {}
    for text in said:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise FileRefused(_("“%(text)s” lacks its “=”. Write FIELD=COLUMN, or FIELD=VALUE.") % {"text": text})
        if name in found:
            raise FileRefused(_("%(name)s is said twice. Choose one.") % {"name": name})
        found[name] = value
    return found


@dataclass(frozen=True, slots=True)
class Formats:
    """How dates and times are written in the file, as `strptime` says it; a column that feeds both holds
    both.
    """

    date: str = ""
    time: str = ""

    def of_both(self) -> "Formats":
        """For the whole cell of a column with date and time: either format if it says both, else one after
        the other.
        """
        for said in (self.date, self.time):
            if said and _says_date(said) and _says_time(said):
                return Formats(said, said)
        both = f"{self.date or DATE_FORMAT} {self.time or TIME_FORMAT}"
        return Formats(both, both)

    def require_whole(self) -> None:
        if self.date and not _says_date(self.date):
            raise FileRefused(_("The date format says no whole date. Write it as in “%d.%m.%Y”."))
        if self.time and not _says_time(self.time):
            raise FileRefused(_("The time format says no whole time. Write it as in “%H:%M” or “%I:%M %p”."))


def _says_date(said: str) -> bool:
    return _reads_back(said, lambda moment: moment.date())


def _says_time(said: str) -> bool:
    return _reads_back(said, lambda moment: moment.time())


def _reads_back(said: str, part: Callable[[datetime], date | time]) -> bool:
    try:
        return part(datetime.strptime(_ANY_MOMENT.strftime(said), said)) == part(_ANY_MOMENT)
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Entry:
    """A row understood: the booking it asks for."""

    draft: Draft
    said: Mapping[str, Any] = field(repr=False)
    """What the file says, field by field; a field that it does not speak of is not there."""


@dataclass(frozen=True)
class FieldMap:
    """Where each field comes from: columns by their index, or one value for all rows."""

    columns: Mapping[str, Sequence[int]]
    constants: Mapping[str, str]
    formats: Formats

    @classmethod
    def of(
        cls, header: Sequence[str], *, maps: Mapping[str, str], constants: Mapping[str, str], formats: Formats
    ) -> "FieldMap":
        """Raises FileRefused for fields and columns that there are not, and for what is said twice or not at
        all.
        """
        for name in [*maps, *constants]:
            if name not in FIELDS:
                raise FileRefused(
                    _("There is no field “%(name)s”. The fields are: %(fields)s.")
                    % {"name": name, "fields": ", ".join(FIELDS)}
                )
        if both := sorted(set(maps) & set(constants)):
            raise FileRefused(_("%(name)s is both mapped and set. Choose one.") % {"name": both[0]})
        own = {name: name for name in FIELDS if name in header and name not in constants}
        columns = {name: _indexes(header, wanted) for name, wanted in {**own, **maps}.items()}
        _require_complete(header, {*columns, *constants})
        formats.require_whole()
        if "date" in columns and columns["date"] == columns.get("slot"):
            formats = formats.of_both()
        found = cls(columns, constants, formats)
        found._require_readable_constants()
        return found

    def _require_readable_constants(self) -> None:
        for name, text in self.constants.items():
            try:
                self._value(name, text)
            except ValueError as error:
                raise FileRefused(f"--set {name}: {error}") from None

    def entry(self, row: Row) -> Entry:
        """Raises Invalid, with every field at fault, for cells that cannot be read."""
        texts = {name: _cell(row, indexes) for name, indexes in self.columns.items()} | dict(self.constants)
        said: dict[str, Any] = {}
        wrong: dict[str, list[str]] = {}
        for name, text in texts.items():
            try:
                said[name] = self._value(name, text)
            except ValueError as error:
                wrong[name] = [str(error)]
        if wrong:
            raise Invalid(fields=wrong)
        return Entry(_draft(DEFAULTS | said), said)

    def _value(self, name: str, text: str) -> Any:
        """A field's value. Raises ValueError with a sentence, which never holds the text itself."""
        if not text and name in WHERE_EMPTY:
            return WHERE_EMPTY[name]
        return _READERS[name](text, self.formats)


def _indexes(header: Sequence[str], wanted: str) -> list[int]:
    """The columns that a mapping names: one, or several joined by “+” where no column has the whole name."""
    names = [wanted] if wanted in header else wanted.split("+")
    for name in names:
        if name not in header:
            raise FileRefused(
                _("There is no column “%(name)s”. The columns are: %(columns)s.")
                % {"name": name, "columns": ", ".join(header)}
            )
        if list(header).count(name) > 1:
            raise FileRefused(_("Two columns are named “%(name)s”. Rename one.") % {"name": name})
    return [list(header).index(name) for name in names]


def _require_complete(header: Sequence[str], said: set[str]) -> None:
    missing = [name for name in REQUIRED if name not in said]
    if missing and len(header) == 1:
        raise FileRefused(
            _("The file has one column, “%(name)s”. If no comma parts them, name it with --delimiter.")
            % {"name": header[0]}
        )
    if missing:
        raise FileRefused(
            _("Nothing says %(field)s. Use --map %(field)s=COLUMN; the columns are: %(columns)s.")
            % {"field": missing[0], "columns": ", ".join(header)}
        )


def _cell(row: Row, indexes: Sequence[int]) -> str:
    if len(indexes) == 1:
        return formulas.undone(row.cells[indexes[0]])
    parts = (formulas.undone(row.cells[index]).strip() for index in indexes)
    return " ".join(part for part in parts if part)


def _date(text: str, formats: Formats) -> date:
    if formats.date:
        return _parsed(text, formats.date, _("This is no date written as %(format)s.")).date()
    if _ISO_DATE.fullmatch(text.strip()):
        return date.fromisoformat(text.strip())
    raise ValueError(_("This is no date written as YYYY-MM-DD. Say another format with --date-format."))


def _slot(text: str, formats: Formats) -> time:
    if formats.time:
        found = _parsed(text, formats.time, _("This is no time written as %(format)s.")).time()
    elif _ISO_TIME.fullmatch(text.strip()):
        found = time.fromisoformat(text.strip())
    else:
        raise ValueError(_("This is no time written as HH:MM. Say another format with --time-format."))
    return _checked(_START, found)


def _parsed(text: str, said: str, sentence: str) -> datetime:
    try:
        return datetime.strptime(text.strip(), said)
    except ValueError:
        raise ValueError(sentence % {"format": said}) from None


def _number(text: str, formats: Formats) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= MOST_DIGITS):
        raise ValueError(_("This is no whole number. Write digits only."))
    return int(digits)


def _status(text: str, formats: Formats) -> Status:
    try:
        return Status(text.strip())
    except ValueError:
        raise ValueError(
            _("This is no status. The statuses are: %(statuses)s.") % {"statuses": ", ".join(Status.values)}
        ) from None


def _as_written(text: str, formats: Formats) -> str:
    return text


def _checked_by(field: "Field[Any, Any]", text: str, formats: Formats) -> str:
    """One line, as the column takes it: rows are looked up by it before any rule is asked."""
    return _checked(field, text.strip())


def _checked(field: "Field[Any, Any]", value: Value) -> Value:
    try:
        field.run_validators(value)
    except ValidationError as error:
        raise ValueError(" ".join(error.messages)) from None
    return value


def _station(text: str, formats: Formats) -> str:
    if not text.strip():
        raise ValueError(_("The station is missing."))
    return _checked_by(_STATION_CODE, text, formats)


_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ISO_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_STATION_CODE: Final = Station._meta.get_field("code")
_START: Final = Opening._meta.get_field("start")
_READERS: Final[dict[str, Callable[[str, Formats], Any]]] = {
    "external_ref": partial(_checked_by, Booking._meta.get_field("external_ref")),
    "station": _station,
    "date": _date,
    "slot": _slot,
    "slots": _number,
    "status": _status,
    "customer_name": _as_written,
    "customer_email": _as_written,
    "customer_phone": _as_written,
    "party_adults": _number,
    "party_kids": _number,
    "special_requests": _as_written,
    "total_due_cents": _number,
    "deposit_due_cents": _number,
    "source": _as_written,
}


def _draft(values: dict[str, Any]) -> Draft:
    contact = Contact(*(values.pop(f"customer_{part}", "") for part in ("name", "email", "phone")))
    return Draft(customer=contact if contact.given else None, **values)
