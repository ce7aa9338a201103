"""The commands that docs/importing.md tells, run as they stand there."""

import re
import shlex
from pathlib import Path

import pytest

from accounts.models import Customer
from bookings.models import Booking
from bookings.verifying import differences
from tests.importing.running import counts, rows_of, run

ROOT = Path(__file__).resolve().parents[2]


def commands() -> list[list[str]]:
    text = (ROOT / "docs/importing.md").read_text()
    return [shlex.split(line)[1:] for line in re.findall(r"^manage\.py import_bookings .*$", text, re.MULTILINE)]


def test_walk_through_does_what_it_says(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial, real = ([word.replace("docs/", f"{ROOT}/docs/") for word in words] for words in commands())
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


def rows_of_semicolons(path: Path) -> list[dict[str, str]]:
    path.write_text(path.read_text().replace(";", ","))
    return rows_of(path)
