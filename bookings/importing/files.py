"""Which kind of file it is: by its ending a workbook, a calendar, or else CSV."""

from pathlib import PurePath
from typing import BinaryIO, Final

from django.utils.translation import gettext as _

from bookings.importing.csv_source import CsvSource
from bookings.importing.formats import Formats
from bookings.importing.icalendar_source import IcalendarSource
from bookings.importing.source import FileRefused, Source
from bookings.importing.xlsx_source import XlsxSource

WORKBOOKS: Final = frozenset({".xlsx", ".xlsm"})
CALENDARS: Final = frozenset({".ics", ".ical"})
OTHER_SPREADSHEETS: Final = frozenset({".xls", ".xlsb", ".ods", ".numbers"})


def open_source(
    file: BinaryIO, name: str, *, formats: Formats, sheet: str = "", encoding: str = "utf-8", delimiter: str = ","
) -> Source:
    """`sheet` is for workbooks; elsewhere it does not matter, so that the CSV of their refused rows goes in by the same command.

    Raises FileRefused.
    """
    ending = PurePath(name).suffix.lower()
    if ending in OTHER_SPREADSHEETS:
        raise FileRefused(_("%(ending)s files cannot be read. Save it as .xlsx or .csv.") % {"ending": ending})
    if ending in WORKBOOKS:
        return XlsxSource(file, formats=formats, sheet=sheet, encoding=encoding, delimiter=delimiter)
    if ending in CALENDARS:
        return IcalendarSource(file, formats=formats, encoding=encoding, delimiter=delimiter)
    return CsvSource(file, encoding=encoding, delimiter=delimiter)
