"""Real processes that import and move the same bookings: nobody waits for ever, nothing is doubled."""

import json
from collections import Counter

import pytest

from bookings.models import Booking
from bookings.verifying import differences
from tests.factories import open_station
from tests.importing.racer import HOURS
from tests.racing import race

EXPECTED = {"created", "updated", "unchanged", "moved", "stale", "slot_full"}


@pytest.mark.race
@pytest.mark.parametrize(("processes", "tries"), [(4, 60), pytest.param(8, 500, marks=pytest.mark.long)])
def test_imports_and_moves_at_once_end_by_rules_alone(database_url: str, processes: int, tries: int) -> None:
    for code in ("early", "late"):
        open_station(hours=HOURS, capacity=3, code=code)

    ends: Counter[str] = Counter()
    for printed in race(database_url, processes, str(tries), module="tests.importing.racer"):
        ends.update(json.loads(printed))

    assert set(ends) <= EXPECTED
    assert min(ends["moved"], ends["updated"]) > tries / 2
    assert sorted(Booking.objects.values_list("external_ref", flat=True)) == [f"R{hour}" for hour in HOURS]
    assert not list(differences())
