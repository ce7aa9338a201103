"""Opens files as the source that their extension stands for: a workbook, a calendar, or else CSV."""

from pathlib import PurePath
from typing import BinaryIO, Final

from django.utils.translation import gettext as _

from bookings.importing.csv_source import CsvSource
from bookings.importing.formats import Formats
from bookings.importing.icalendar_source import IcalendarSource
from bookings.importing.source import FileRefused, Source
from bookings.importing.xlsx_source import XlsxSource

WORKBOOK_EXTENSIONS: Final = frozenset({".xlsx", ".xlsm"})
CALENDAR_EXTENSIONS: Final = frozenset({".ics", ".ical"})
UNSUPPORTED_EXTENSIONS: Final = frozenset({".xls", ".xlsb", ".ods", ".numbers"})


def open_source(
    file: BinaryIO, name: str, *, formats: Formats, sheet: str = "", encoding: str = "utf-8", delimiter: str = ","
) -> Source:
    """`sheet` is only used for workbooks, so that the CSV file of their refused rows can be imported by the same command.

    Raises FileRefused.
    """
    extension = PurePath(name).suffix.lower()
    if extension in UNSUPPORTED_EXTENSIONS:
        raise FileRefused(
            _("%(ending)s files are not supported. Save the file as .xlsx or .csv.") % {"ending": extension}
        )
    if extension in WORKBOOK_EXTENSIONS:
        return XlsxSource(file, formats=formats, sheet=sheet, encoding=encoding, delimiter=delimiter)
    if extension in CALENDAR_EXTENSIONS:
        return IcalendarSource(file, formats=formats, encoding=encoding, delimiter=delimiter)
    return CsvSource(file, encoding=encoding, delimiter=delimiter)
