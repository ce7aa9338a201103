"""Runs the commands of docs/importing.md as they are written there."""

import re
import shlex
from pathlib import Path

import pytest

from accounts.models import Customer
from bookings.models import Booking
from bookings.services.verification import differences
from tests.bookings.importing.commands import counts, rows_of, run

ROOT = Path(__file__).resolve().parents[3]


def commands() -> list[list[str]]:
    text = (ROOT / "docs/importing.md").read_text()
    found = (shlex.split(line)[1:] for line in re.findall(r"^manage\.py import_bookings .*$", text, re.MULTILINE))
    return [[word.replace("docs/", f"{ROOT}/docs/") for word in words] for words in found]


def test_walk_through_does_what_it_says(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial, real, _workbook, _calendar = commands()
    monkeypatch.chdir(tmp_path)

    tried = run(*trial)
    assert tried.summary == counts(created=8, refused=2)
    assert f"{tried.out.strip()}\n" in (ROOT / "docs/importing.md").read_text()
    assert not Booking.objects.exists()

    assert run(*real).summary == counts(created=8, refused=2)
    assert [row["No"] for row in rows_of_semicolons(tmp_path / "refused.csv")] == ["1002", "1007"]
    assert run(*real).summary == counts(unchanged=8, refused=2)
    assert not Customer.objects.get(bookings__external_ref="1008").phone_is_valid
    assert Booking.objects.filter(customer=None).count() == 1
    assert not list(differences())


def test_workbook_goes_in_as_the_document_says(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    *_others, workbook, _calendar = commands()
    monkeypatch.chdir(tmp_path)

    assert run(*workbook).summary == counts(created=3, refused=1)
    made = Booking.objects.order_by("date", "slot").select_related("customer")
    assert [(one.customer and one.customer.name, one.slots, one.status, one.total_due_cents) for one in made] == [
        ("Chloé Exemple", 5, "completed", 4750),
        ("Ana Muster", 6, "confirmed", 12000),
        ("Émile Sample", 4, "no_show", 4000),
    ]
    assert [one.customer.email_is_valid for one in made if one.customer] == [False, True, True]
    assert [row["Name"] for row in rows_of(tmp_path / "refused-rows.csv")] == ["Björn Beispiel"]
    assert run(*workbook).summary == counts(unchanged=3, refused=1)


def test_calendar_goes_in_as_the_document_says(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    *_others, calendar = commands()
    monkeypatch.chdir(tmp_path)

    assert run(*calendar).summary == counts(created=5, refused=1)
    made = Booking.objects.order_by("date", "slot", "station__code").select_related("station")
    assert [(one.station.code, f"{one.date} {one.slot:%H:%M}", one.slots, one.status) for one in made] == [
        ("Blue Room", "2031-03-07 18:00", 3, "confirmed"),
        ("Green Room", "2031-03-07 19:00", 2, "confirmed"),
        ("Blue Room", "2031-03-08 18:00", 2, "pending"),
        ("Green Room", "2031-03-14 19:00", 2, "confirmed"),
        ("Green Room", "2031-03-21 19:00", 2, "confirmed"),
    ]
    assert [row["UID"] for row in rows_of(tmp_path / "refused-events.csv")] == ["3004@example.com"]
    assert run(*calendar).summary == counts(unchanged=5, refused=1)


def rows_of_semicolons(path: Path) -> list[dict[str, str]]:
    path.write_text(path.read_text().replace(";", ","))
    return rows_of(path)
