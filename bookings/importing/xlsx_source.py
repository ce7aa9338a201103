"""Reads a sheet of an Excel workbook. Its first row that is not empty names the columns."""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any, BinaryIO, Final
from zipfile import BadZipFile, ZipFile

import openpyxl
from django.utils.translation import gettext as _
from openpyxl.utils.escape import unescape

from bookings.importing.formats import Formats
from bookings.importing.source import FileRefused, Row, Source

MAX_UNPACKED_BYTES: Final = 400_000_000
"""A million rows of ten columns. A few kilobytes can unpack to gigabytes."""

MAX_ROWS: Final = 1_048_576
"""As many as Excel supports. A file can number its rows arbitrarily."""

_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[\s>/]")
_FORMULA_START_BYTES: Final = 64
_READ_BYTES: Final = 1 << 20
_NOT_DISPLAYED: Final = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
"""Parts of a number format that are not displayed values: text, colors and conditions."""
_HALF_A_SECOND: Final = timedelta(milliseconds=500)


class XlsxSource(Source):
    """A sheet, read row by row; only the workbook's table of strings is held in memory.

    Formulas are not evaluated: the result that was saved with them counts.
    """

    def __init__(self, file: BinaryIO, *, formats: Formats, sheet: str = "", encoding: str, delimiter: str) -> None:
        super().__init__(file, encoding=encoding, delimiter=delimiter)
        self._formats = formats
        _require_small(file)
        with _readable():
            self._sheet = _sheet(_workbook(file, results=True), sheet)
            first = next(self._filled_rows(), None)
            if first is None:
                raise FileRefused(_("The sheet is empty. Its first row must name the columns."))
            self.header = tuple(first[1])
            if _has_formulas(file):
                self._require_results(_sheet(_workbook(file, results=False), sheet))

    def rows(self) -> Iterator[Row]:
        """All rows including empty ones, except for empty rows at the end."""
        rows = self._filled_rows()
        line, _header = next(rows, (0, []))
        for number, cells in rows:
            yield from (self.row(empty, []) for empty in range(line + 1, number))
            yield self.row(number, cells)
            line = number

    def _filled_rows(self) -> Iterator[tuple[int, list[str]]]:
        """Number and cells of each row that is not empty, without empty cells at its end."""
        rows = self._sheet.iter_rows()
        for number in count(1):
            with _readable():
                row = next(rows, None)
                if row is None:
                    return
                if number > MAX_ROWS:
                    raise FileRefused(_too_large())
                cells = [self._text(cell) for cell in row]
            while cells and not cells[-1].strip():
                cells.pop()
            if cells:
                yield number, cells

    def _text(self, cell: Any) -> str:
        value = cell.value
        if value is None:
            return ""
        if isinstance(value, str):
            return str(unescape(value))
        if isinstance(value, bool):
            return str(value).upper()
        if isinstance(value, float):
            return str(int(value)) if value.is_integer() else f"{value:.15g}"
        if isinstance(value, date | time | timedelta):
            return self._formats.write(_displayed(value, cell.number_format))
        return str(value)

    def _require_results(self, formulas: Any) -> None:
        """Raises FileRefused for a formula that was saved without its result, because its cell would look empty."""
        for with_results, with_formulas in zip(self._sheet.iter_rows(), formulas.iter_rows(), strict=True):
            for result, formula in zip(with_results, with_formulas, strict=True):
                if formula.data_type == "f" and result.value is None:
                    raise FileRefused(
                        _(
                            "Cell %(cell)s is a formula without a result. Open the file in a spreadsheet program and save it."
                        )
                        % {"cell": formula.coordinate}
                    )


def _displayed(value: date | time | timedelta, number_format: str) -> date | time | timedelta:
    """The part of a date and time that the cell's format displays, rounded to seconds."""
    if isinstance(value, time):
        return (datetime.combine(date.min, value) + _HALF_A_SECOND).time().replace(microsecond=0)
    if not isinstance(value, datetime):
        return value
    rounded = (value + _HALF_A_SECOND).replace(microsecond=0)
    shown = _NOT_DISPLAYED.sub("", number_format).lower()
    if "h" not in shown:
        return rounded.date()
    return rounded if "d" in shown or "y" in shown else rounded.time()


def _workbook(file: BinaryIO, *, results: bool) -> Any:
    file.seek(0)
    return openpyxl.load_workbook(file, read_only=True, data_only=results, keep_links=False)


def _sheet(workbook: Any, name: str) -> Any:
    sheets: Sequence[Any] = workbook.worksheets
    wanted = name.strip().casefold()
    found = [one for one in sheets if one.title == name] or [
        one for one in sheets if not wanted or one.title.strip().casefold() == wanted
    ]
    if not found:
        raise FileRefused(
            _("There is no sheet “%(name)s”. The sheets are: %(sheets)s.")
            % {"name": name, "sheets": ", ".join(one.title for one in sheets)}
        )
    found[0].reset_dimensions()  # the size in the file is often wrong
    return found[0]


def _require_small(file: BinaryIO) -> None:
    try:
        file.seek(0)
        with ZipFile(file) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except BadZipFile:
        raise FileRefused(_("This is not an Excel workbook (.xlsx), or it is password-protected.")) from None
    if unpacked > MAX_UNPACKED_BYTES:
        raise FileRefused(_too_large())


def _too_large() -> str:
    return _("The workbook is too large. Save the sheet as .csv and import that file.")


def _has_formulas(file: BinaryIO) -> bool:
    """Whether any sheet has formulas. It searches the bytes without parsing, because most files have none."""
    with ZipFile(file) as archive:
        for name in archive.namelist():
            if not name.startswith("xl/worksheets/"):
                continue
            with archive.open(name) as part:
                before = b""
                while chunk := part.read(_READ_BYTES):
                    if _FORMULA.search(before + chunk):
                        return True
                    before = chunk[-_FORMULA_START_BYTES:]
    return False


@contextmanager
def _readable() -> Iterator[None]:
    """Turns any exception of openpyxl into FileRefused: it can raise almost anything for a broken workbook."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about parts that are not read, such as conditional formats
            yield
    except FileRefused:
        raise
    except Exception:
        raise FileRefused(
            _("The workbook cannot be read. Open it in a spreadsheet program and save it again.")
        ) from None
