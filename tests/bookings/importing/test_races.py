"""Real processes that import and move the same bookings: nobody waits for ever, nothing is doubled."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from bookings.models import Booking
from bookings.services.verification import differences
from stations.models import Station
from tests.bookings.importing.racer import HOURS
from tests.concurrency import run_concurrently
from tests.factories import open_station

EXPECTED = {"created", "updated", "unchanged", "moved", "stale", "slot_full"}


@pytest.mark.race
@pytest.mark.parametrize(("processes", "tries"), [(4, 60), pytest.param(8, 500, marks=pytest.mark.long)])
def test_imports_and_moves_at_once_end_by_rules_alone(database_url: str, processes: int, tries: int) -> None:
    for code in ("early", "late"):
        open_station(hours=HOURS, capacity=3, code=code)

    ends: Counter[str] = Counter()
    for printed in run_concurrently(database_url, processes, str(tries), module="tests.bookings.importing.racer"):
        ends.update(json.loads(printed))

    assert set(ends) <= EXPECTED
    assert min(ends["moved"], ends["updated"]) > tries / 2
    assert sorted(Booking.objects.values_list("external_ref", flat=True)) == [f"R{hour}" for hour in HOURS]
    assert not list(differences())


@pytest.mark.race
def test_same_file_brought_in_by_three_at_once_comes_in_once_and_never_overbooks(
    database_url: str, tmp_path: Path
) -> None:
    """Stations that nobody has made, slots for two parties, and three rows for each of them, with references and without."""
    rows = [
        f"{f'R{number}' if number % 2 else ''},hall {number % 2},2031-03-0{1 + number % 5},{10 + number % 3}:00,Guest {number}"
        for number in range(90)
    ]
    file = tmp_path / "in.csv"
    file.write_text("\n".join(["external_ref,station,date,slot,customer_name", *rows]))
    words = ["import_bookings", str(file), "--create-stations", "--set", "capacity=2", "--settings", "tests.settings"]

    commands = [
        subprocess.Popen(
            [sys.executable, "manage.py", *words],
            env=os.environ | {"DATABASE_URL": database_url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _number in range(3)
    ]
    said = [command.communicate() for command in commands]

    assert [command.returncode for command in commands] == [1, 1, 1], said
    done = [json.loads(out.splitlines()[-1]) for out, _err in said]
    assert [(one["created"] + one["unchanged"], one["refused"]) for one in done] == [(60, 30)] * 3
    assert sum(one["created"] for one in done) == Booking.objects.count() == 60
    assert Station.objects.count() == 2
    assert not list(differences())
