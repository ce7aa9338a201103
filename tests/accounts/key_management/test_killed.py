"""Rotations killed at random points and resumed while staff work: everything can be read and found, nothing is left behind."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import time as clock
from typing import Any, Final

import pytest
from django.db import connection

from accounts import customers, roles
from accounts.encryption.keys import encode_key, key_id
from accounts.key_management import rotation
from accounts.key_management.keyrings import DATA, INDEX, count_unbound
from accounts.models import Customer
from bookings import services
from bookings.models import Booking
from bookings.services import Draft
from tests.accounts.key_management.conftest import Change, keys
from tests.accounts.key_management.people import contact_of, email_of, name_of, number_of
from tests.factories import FRIDAY, open_station

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

LONGEST_LIFE_SECONDS: Final = 0.6


class Process:
    """A module run with the product's own settings under these rings, as a server would be."""

    def __init__(
        self,
        database_url: str,
        data: Sequence[bytes],
        index: Sequence[bytes],
        module: str,
        *words: str,
        binding: str = "on",
    ) -> None:
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": database_url,
            "PII_KEYS": ",".join(map(encode_key, data)),
            "INDEX_KEYS": ",".join(map(encode_key, index)),
            "PII_ROW_BINDING": binding,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", module, *words],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def hear(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def say(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def end(self) -> str:
        """What it printed last."""
        said, _none = self._process.communicate()
        assert self._process.returncode == 0
        return said.strip()


def populate(people: int) -> None:
    """Two stations with so many customers, each with a booking and a wish."""
    codes = [open_station(code=code, name=code, hours=[18], capacity=1_000).code for code in ("kitchen", "court")]
    drafts = [
        Draft(codes[number % 2], FRIDAY, clock(18), customer=contact_of(number), special_requests="Quiet")
        for number in range(people)
    ]
    assert all(isinstance(made, Booking) for made in services.create_many(drafts, by=roles.OPERATOR))


def kill_one(rotator: Process) -> bool:
    """Let a rotation live for a random while, and whether that was too short for it."""
    rotator.say(f"rotate --ring {random.choice(['data', 'index'])}")
    victim = int(rotator.hear())
    time.sleep(random.uniform(0, LONGEST_LIFE_SECONDS))
    with suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    return rotator.hear() == str(-signal.SIGKILL)


def left() -> int:
    return sum(work.count_remaining() for ring in (DATA, INDEX) for work in rotation.tasks_for(ring))


@pytest.mark.parametrize(("people", "kills"), [(60, 5), pytest.param(1_000, 120, marks=pytest.mark.long)])
def test_rotation_killed_and_resumed_under_traffic(
    transactional_db: None, database_url: str, change: Change, people: int, kills: int, settings: Any
) -> None:
    """To other keys, and from values that are bound to their columns alone to values that are bound to their rows."""
    settings.PII_ROW_BINDING = "off"
    populate(people)
    assert count_unbound() == DATA.uses()[key_id(change.data.old)].total() >= people * 4
    change.to("new", "old")
    data, index = settings.PII_KEYS, settings.INDEX_KEYS
    with (
        Process(database_url, data, index, "tests.accounts.key_management.rotator") as rotator,
        Process(database_url, data, index, "tests.accounts.key_management.traffic", "0", "2") as staff,
        # One that was not started anew yet, with the new keys last, which binds nothing.
        Process(
            database_url, data[::-1], index[::-1], "tests.accounts.key_management.traffic", "1", "2", binding="off"
        ) as early_staff,
    ):
        for process in (rotator, staff, early_staff):
            assert process.hear() == "ready"
        staff.say("go")
        early_staff.say("go")
        stories = [(kill_one(rotator), left()) for _kill in range(kills)]
        early = json.loads(early_staff.end())
        rotator.say("rotate")
        rotator.hear()
        ended = rotator.hear()
        late = json.loads(staff.end())

    cut_off = [rest for killed, rest in stories if killed and rest]
    print(
        f"{connection.vendor}: {len(cut_off)} rotations killed, with so many left: {cut_off}; {early} before, {late} throughout"
    )
    assert ended == "0"
    assert cut_off != []
    assert keys("retire", change.data.old_id).status == keys("retire", change.index.old_id).status == 0
    assert (set(DATA.uses()), set(INDEX.uses())) == ({key_id(change.data.new)}, {key_id(change.index.new)})
    change.to("new")
    settings.PII_ROW_BINDING = "required"
    assert count_unbound() == 0
    for customer in Customer.objects.all():
        number = number_of(customer.email)
        for wanted in (email_of(number), name_of(number), customer.phone):
            assert [hit.pk for hit in customers.search(roles.OPERATOR, wanted)] == [customer.pk]
    assert Customer.objects.count() == people
    assert None not in {booking.special_requests for booking in Booking.objects.all()}
