"""After an import of many rows the database's planner knows what the tables hold."""

from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from bookings.importing import run
from bookings.models import Booking
from core.db import planner_statistics
from stations.models import Station
from tests.bookings.importing.commands import counts, import_file, write

ROWS = "station,date,slot\nkitchen,2031-03-07,18:00\nkitchen,2031-03-07,19:00\nkitchen,2031-03-07,20:00\n"


def known_bookings() -> int | None:
    """How many rows the planner takes the table of bookings to have; None where nobody has counted."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'bookings_booking'")
        else:
            cursor.execute("SELECT stat FROM sqlite_stat1 WHERE tbl = 'bookings_booking'")
        found = cursor.fetchone()
    return int(str(found[0]).split()[0].partition(".")[0]) if found else None


@pytest.fixture
def file(station: Station, tmp_path: Path) -> Path:
    return write(tmp_path / "bookings.csv", ROWS)


@pytest.fixture(autouse=True)
def counted_before(station: Station) -> None:
    planner_statistics.analyze([Booking])


def test_import_of_many_rows_ends_with_an_analysis_of_what_it_filled(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "ROWS_WORTH_ANALYZING", 3)

    assert import_file(file).summary == counts(created=3)
    assert known_bookings() == 3


@pytest.mark.parametrize(("worth", "words"), [(4, []), (3, ["--dry-run"])])
def test_import_of_few_rows_and_a_dry_run_analyze_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch, worth: int, words: list[str]
) -> None:
    monkeypatch.setattr(run, "ROWS_WORTH_ANALYZING", worth)

    assert import_file(file, *words).summary == counts(created=3)
    assert known_bookings() in (None, 0)


def test_failed_analysis_fails_no_import(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(tables: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(run, "ROWS_WORTH_ANALYZING", 3)
    monkeypatch.setattr(planner_statistics, "analyze", fail)

    assert (import_file(file).status, Booking.objects.count()) == (0, 3)
    assert "Could not analyze the tables after the import: OperationalError." in caplog.text
