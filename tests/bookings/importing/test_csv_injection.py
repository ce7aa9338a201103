"""No cell of a CSV file begins a formula in any spreadsheet, and reading it gives back the text as it was."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from itertools import dropwhile
from pathlib import Path
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accounts.customers import Contact
from bookings.importing import csv_injection, export
from bookings.models import Booking, Hold, ImportedRow
from stations.models import Station
from tests.bookings.importing.commands import counts, import_file, run, write
from tests.factories import booking
from tests.samples import example_count

SPLITS: Final = re.compile('[,;\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029"]')
FORMULA: Final = tuple("=+-@＝＋－＠")
TELLING: Final = [
    *"'=+-@＝＋－＠;,\t\n\r\" ax",
    "\r\n",
    "\u2028",
    "\x85",
    "\u200b",
    "\ufeff",
    "\x00",
    "=HYPERLINK(1)",
    '";=1',
]
TEXTS: Final = st.lists(st.sampled_from(TELLING) | st.characters(codec="utf-8"), max_size=12).map("".join)


def formulas_in(text: str) -> list[str]:
    """What a spreadsheet would run that splits wherever any of them splits, and skips blanks and invisible characters."""
    return [piece for piece in SPLITS.split(text) if _visible(piece).startswith(FORMULA)]


def _visible(piece: str) -> str:
    return "".join(dropwhile(_is_invisible, piece))


def _is_invisible(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Zs", "Zl", "Zp") or letter in "\u200b\u200f\ufeff\xad"


@pytest.mark.looks
@settings(max_examples=example_count(500))
@example("X;=1+1;0")
@example("first\n=1+1")
@example("first\r\n\r\n  =1+1")
@example("＝1+1")
@example(" \t=1")
@example("'=1")
@example("'X;'=1+1")
@example("''\t'=1")
@example('"a"@example.com')
@example("a\u2028@b")
@given(text=TEXTS)
def test_any_text_is_read_back_as_it_was_and_runs_nowhere(text: str) -> None:
    cell = csv_injection.escape(text)

    assert csv_injection.unescape(cell) == text
    assert formulas_in(cell) == []


@pytest.mark.looks
@settings(max_examples=example_count(200))
@given(rows=st.lists(st.lists(TEXTS, min_size=3, max_size=3), min_size=1, max_size=3))
def test_any_file_is_read_back_as_it_was_and_runs_nowhere(rows: list[list[str]]) -> None:
    file = "".join(export.csv_lines(["one", "two", "three"], iter(rows)))

    read = [[csv_injection.unescape(cell) for cell in row] for row in csv.reader(io.StringIO(file, newline=""))]
    assert read == [["one", "two", "three"], *rows]
    assert formulas_in(file) == []


@pytest.mark.looks
@pytest.mark.parametrize(
    "text",
    [
        "", "Ana García", "O'Neil", "'", "''", "'quoted'", "Müller-Lüdenscheidt", "Bar - Kitchen", "ana+1@example.com",
        "2031-03-07", "18:00", "1+1=2", "Two, please; and a chair", "Nuts!\nFigs!", 'say "hi", please', "They said, 'ana@home'",
    ],
)  # fmt: skip
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert (csv_injection.escape(text), csv_injection.unescape(text)) == (text, text)


@pytest.mark.looks
@pytest.mark.parametrize("cell", ["a;'=b", "They wrote, '@ana'", "first\n'=1+1", "O'Neil, '+1 guest'"])
def test_cells_of_other_systems_that_look_escaped_inside_stay_as_they_are(cell: str) -> None:
    assert csv_injection.unescape(cell) == cell


@pytest.mark.looks
@pytest.mark.parametrize(
    ("cell", "text"),
    [("'=1;=2", "=1;=2"), ("'+49 30 901820", "+49 30 901820"), ("'\tx", "\tx"), ("''=1", "'=1"), ("'@a\n-b", "@a\n-b")],
)
def test_cells_that_earlier_releases_escaped_are_still_read(cell: str, text: str) -> None:
    assert csv_injection.unescape(cell) == text


DANGEROUS: Final = (
    "X;=1+1;0", "first\n=1+1", "＝1+1", '";=1+1;"', 'say "=1+1"', "\t@SUM(A1)", "a,=1", "  -1", "- nuts\r\n- figs",
)  # fmt: skip


def test_export_runs_in_no_spreadsheet_and_imports_again(station: Station, tmp_path: Path) -> None:
    for number, text in enumerate(DANGEROUS):
        contact = Contact(f"x{number};=1+1", f"ana{number}@example.com", "+4930901820")
        booking(station, customer=contact, special_requests=text, source=f";=1 {number}", external_ref=f"=R;@{number}")
    before, out = sorted(told()), tmp_path / "out.csv"

    run("export_bookings", "--out", out)

    assert formulas_in(out.read_bytes().decode()) == []
    for table in (ImportedRow, Hold, Booking):
        table.objects.all().delete()
    assert import_file(out).summary == counts(created=len(DANGEROUS))
    assert sorted(told()) == before


@pytest.fixture
def station(station: Station) -> Station:
    station.openings.update(capacity=50)
    return station


def told() -> Iterator[tuple[str, ...]]:
    for made in Booking.objects.select_related("customer"):
        assert made.customer
        assert made.special_requests
        yield made.external_ref, made.source, made.special_requests, made.customer.name, made.customer.phone


@pytest.mark.looks
@pytest.mark.parametrize("delimiter", [",", ";", "tab", "|"])
def test_rejects_run_in_no_spreadsheet_and_import_as_they_stood(
    station: Station, tmp_path: Path, delimiter: str
) -> None:
    mark = "\t" if delimiter == "tab" else delimiter
    file, rejects = tmp_path / "in.csv", tmp_path / "rejects.csv"
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened, delimiter=mark)
        writer.writerow(["station", "date", "slot", "=who", "special_requests", "external_ref"])
        for number, text in enumerate(DANGEROUS):
            writer.writerow(["kitchen", "2031-03-07", "03:00", "@Ana;=1", text, f"=R{number}"])
        writer.writerow(["kitchen", "2031-03-07", "03:00", "@Ana;=1", "'X;'=escaped", "=R"])
    asked = ("--delimiter", delimiter, "--map", "customer_name==who", "--rejects", rejects)

    assert import_file(file, *asked).summary == counts(refused=len(DANGEROUS) + 1)

    text = rejects.read_bytes().decode()
    assert formulas_in(text) == []
    done = import_file(write(rejects, text.replace("03:00", "18:00")), *asked[:-2])
    assert done.summary == counts(created=len(DANGEROUS) + 1)
    made = Booking.objects.select_related("customer")
    assert {one.customer.name for one in made if one.customer} == {"@Ana;=1"}
    assert {one.special_requests for one in made} == {*DANGEROUS, "X;=escaped"}
