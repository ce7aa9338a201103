"""Bookings from Excel workbooks: real dates, numbers and texts, and files that are not what they claim."""

import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from bookings.importing import xlsx_source
from bookings.models import Booking
from stations.models import Station
from tests.bookings.importing.commands import counts, import_file, rows_of, write

pytestmark = pytest.mark.looks

HEADER = ("station", "date", "slot", "party_adults")
DAY = date(2031, 3, 7)
ROW = ("kitchen", DAY, time(18), 2)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "in.xlsx"


def save(file: Path, *rows: Sequence[Any], sheet: str = "Bookings", **sheets: Sequence[Sequence[Any]]) -> Path:
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, found in {sheet: rows, **sheets}.items():
        made = book.create_sheet(title)
        for row in found:
            made.append(row)
    book.save(file)
    return file


def places() -> list[tuple[date, time, int]]:
    return list(Booking.objects.order_by("date", "slot").values_list("date", "slot", "party_adults"))


def test_workbook_goes_in_with_its_dates_times_and_numbers(station: Station, file: Path) -> None:
    header = ("external_ref", *HEADER, "total_due", "customer_name", "created_at", "ends_at")
    cells = (1001, *ROW[:3], 2.0, 90.5, "Ana García", datetime(2020, 5, 4, 9, 30), datetime(2031, 3, 7, 20))
    save(file, header, cells)

    assert import_file(file).summary == counts(created=1)
    made = Booking.objects.select_related("customer").get()
    assert (made.external_ref, made.date, made.slot, made.slots) == ("1001", DAY, time(18), 2)
    assert (made.party_adults, made.total_due_cents, made.customer and made.customer.name) == (2, 9050, "Ana García")
    assert made.created_at.isoformat() == "2020-05-04T07:30:00+00:00"
    assert import_file(file).summary == counts(unchanged=1)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--date-format", "%d.%m.%Y", "--time-format", "%I:%M %p"),
        ("--date-format", "%d.%m.%Y %H:%M"),
    ],
)
def test_date_and_time_in_one_cell_feed_both_fields(station: Station, file: Path, words: tuple[str, ...]) -> None:
    save(file, ("station", "when"), ("kitchen", datetime(2031, 3, 7, 18)))

    assert import_file(file, "--map", "date=when", "slot=when", *words).summary == counts(created=1)
    assert places() == [(DAY, time(18), 1)]


def test_texts_are_read_by_the_formats_beside_real_dates(station: Station, file: Path) -> None:
    save(file, HEADER, ROW, ("kitchen", "08.03.2031", "7:00 PM", "3"))

    done = import_file(file, "--date-format", "%d.%m.%Y", "--time-format", "%I:%M %p")

    assert done.summary == counts(created=2)
    assert places() == [(DAY, time(18), 2), (date(2031, 3, 8), time(19), 3)]


@pytest.mark.parametrize("words", [(), ("--date-format", "%d.%m.%Y")])
def test_date_that_is_stored_as_a_midnight_is_a_date(station: Station, file: Path, words: tuple[str, ...]) -> None:
    save(file, HEADER, ("kitchen", datetime(2031, 3, 7), time(18), 2))

    assert import_file(file, *words).summary == counts(created=1)


@pytest.mark.parametrize(
    ("value", "number_format", "field"),
    [
        (datetime(2031, 3, 7, 9, 41), "dd/mm/yyyy", "date"),
        (datetime(2031, 3, 7, 18), "h:mm AM/PM", "slot"),
        (datetime(2031, 3, 7, 18), '[White]hh:mm" o\'clock"', "slot"),
        (timedelta(hours=18), "[h]:mm", "slot"),
        (18 / 24 + 0.0000001, "hh:mm", "slot"),
    ],
)
def test_cell_is_what_it_displays(station: Station, file: Path, value: Any, number_format: str, field: str) -> None:
    book = Workbook()
    [sheet] = book.worksheets
    sheet.append(HEADER)
    sheet.append(ROW)
    cell = sheet.cell(2, HEADER.index(field) + 1)
    cell.value, cell.number_format = value, number_format
    book.save(file)

    assert import_file(file).summary == counts(created=1)
    assert places() == [(DAY, time(18), 2)]


def test_length_in_hours_and_minutes_gives_the_slots(station: Station, file: Path) -> None:
    save(file, (*HEADER, "duration_minutes"), (*ROW, timedelta(hours=2)), (*ROW, 90))

    assert import_file(file).summary == counts(created=2)
    assert list(Booking.objects.values_list("slots", flat=True)) == [2, 2]


def test_rows_without_anything_are_skipped_and_merged_cells_are_empty_but_for_the_first(
    station: Station, file: Path
) -> None:
    book = Workbook()
    [sheet] = book.worksheets
    for row in [(), HEADER, ROW, (), (None, " "), (*ROW, None, None)]:
        sheet.append(row)
    sheet.merge_cells("C3:D3")
    sheet.cell(50, 1).number_format = "0.00"
    book.save(file)

    assert import_file(file).summary == {**counts(created=2), "skipped": 2}
    assert places() == [(DAY, time(18), 1), (DAY, time(18), 2)]


@pytest.mark.parametrize("name", ["Friday", " friday "])
def test_sheet_is_found_by_its_name(station: Station, file: Path, name: str) -> None:
    save(file, ("nothing", "here"), Friday=[HEADER, ROW])

    assert import_file(file, "--sheet", name).summary == counts(created=1)


def test_first_sheet_is_taken_where_none_is_named(station: Station, file: Path) -> None:
    save(file, HEADER, ROW, Other=[("nothing", "here")])

    assert import_file(file).summary == counts(created=1)


def test_sheet_that_there_is_not_is_refused_with_those_that_there_are(station: Station, file: Path) -> None:
    done = import_file(save(file, HEADER, ROW, Other=[HEADER]), "--sheet", "Missing")

    assert (done.status, "Bookings, Other" in done.err) == (2, True)


def test_refused_rows_are_a_csv_file_that_goes_in_by_the_same_command(station: Station, file: Path) -> None:
    rejects = file.with_name("rejects.csv")
    save(file, HEADER, ROW, ("kitchen", DAY, time(3), 4))
    words = ("--sheet", "bookings", "--date-format", "%d.%m.%Y", "--delimiter", ";")
    assert import_file(file, *words, "--rejects", rejects).summary == counts(created=1, refused=1)

    text = rejects.read_text()
    assert text.splitlines()[1].startswith("kitchen;07.03.2031;03:00;4;3;1;no_such_slot: ")
    write(rejects, text.replace("03:00", "19:00", 1))

    assert import_file(rejects, *words).summary == counts(created=1)
    assert places() == [(DAY, time(18), 2), (DAY, time(19), 4)]


def test_formula_counts_by_the_result_that_was_saved_with_it(station: Station, file: Path) -> None:
    save(file, HEADER, ("kitchen", DAY, time(18), "=1+2"))
    change_sheet(file, b"<f>1+2</f><v />", b"<f>1+2</f><v>3</v>")

    assert import_file(file).summary == counts(created=1)
    assert places() == [(DAY, time(18), 3)]


def test_formula_without_a_result_is_refused_rather_than_taken_for_an_empty_cell(station: Station, file: Path) -> None:
    done = import_file(save(file, HEADER, ("kitchen", DAY, time(18), "=1+2")))

    assert (done.status, "Cell D2 is a formula without a result" in done.err) == (2, True)
    assert not Booking.objects.exists()


def change_sheet(file: Path, before: bytes, after: bytes) -> None:
    """Change what the workbook's sheet says."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    assert before in parts[sheet]
    parts[sheet] = parts[sheet].replace(before, after)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"station,date,slot\n", "not an Excel workbook"),
        (b"", "not an Excel workbook"),
        (b"PK\x03\x04broken", "not an Excel workbook"),
    ],
)
def test_file_that_is_no_workbook_is_refused(station: Station, file: Path, content: bytes, sentence: str) -> None:
    file.write_bytes(content)
    done = import_file(file)

    assert (done.status, sentence in done.err) == (2, True)


def test_workbook_that_unpacks_to_too_much_is_refused_unread(
    station: Station, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx_source, "MAX_UNPACKED_BYTES", 10_000)
    done = import_file(save(file, HEADER, *[ROW] * 500))

    assert (done.status, "too large" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"<sheetData>", b"<sheetData><oops>"),
        (b'<row r="2">', b'<row r="two">'),
        (b'<row r="2">', b'<row r="99999999999">'),
        (b"<worksheet", b'<!DOCTYPE a [<!ENTITY b "c">]><worksheet'),
    ],
)
def test_broken_workbook_is_refused_before_anything_is_written(
    station: Station, file: Path, before: bytes, after: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx_source, "MAX_ROWS", 1000)
    change_sheet(save(file, HEADER, ROW), before, after)

    done = import_file(file)

    assert (done.status, bool(done.err)) == (2, True)
    assert not Booking.objects.exists()


def test_cell_beside_the_columns_is_refused_with_its_row(station: Station, file: Path) -> None:
    done = import_file(save(file, HEADER, ROW, (*ROW, "a note")))

    assert (done.status, "Line 3 has 5 cells" in done.err) == (2, True)


def test_date_beyond_all_dates_is_refused_row_by_row(station: Station, file: Path) -> None:
    change_sheet(
        save(file, HEADER, ROW, ROW), b'<c r="B3" s="1" t="n"><v>47914</v>', b'<c r="B3" s="1" t="n"><v>9999999</v>'
    )

    assert import_file(file).summary == counts(created=1, refused=1)


@pytest.mark.parametrize("name", ["in.xls", "in.ODS"])
def test_other_spreadsheets_are_refused_with_what_to_do(station: Station, tmp_path: Path, name: str) -> None:
    done = import_file(write(tmp_path / name, "anything"))

    assert (done.status, "Save the file as .xlsx or .csv." in done.err) == (2, True)


def test_rejects_of_a_workbook_hold_the_row_as_it_stood(station: Station, file: Path) -> None:
    rejects = file.with_name("rejects.csv")
    save(file, (*HEADER, "note"), ("kitchen", DAY, "late", 2.5, True))

    import_file(file, "--rejects", rejects)

    [row] = rows_of(rejects)
    assert [row[name] for name in (*HEADER, "note")] == ["kitchen", "2031-03-07", "late", "2.5", "TRUE"]
