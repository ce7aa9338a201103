"""The hash chain of the audit log: any changed, added, moved or removed entry is detected."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import time
from importlib import import_module
from io import StringIO
from typing import Any, Final

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.db.migrations.executor import MigrationExecutor

from accounts import roles
from accounts.audit import verification
from accounts.audit.models import LockedChains
from accounts.audit.verification import Fault, FaultKind
from accounts.customers import Contact
from accounts.models import AppendOnlyError, AuditChain, AuditEntry
from bookings import services
from bookings.models.status import Status
from bookings.services import Place
from stations.models import Station
from tests.factories import SATURDAY, booking, open_station, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def trail(station: Station) -> Station:
    """Two stations' bookings, customers and people, with all that was done to them."""
    court = open_station(code="court", hours=[18])
    manager = person(roles.MANAGERS, station, court)
    for hour in (18, 19, 20):
        made = booking(station, slot=time(hour), customer=Contact("Ana García", f"ana{hour}@example.com"))
        services.edit(made.pk, {"party_adults": 2}, by=manager)
        services.change_status(made.pk, Status.COMPLETED, by=manager)
    services.reschedule(booking(station).pk, to=Place(SATURDAY, time(18), "court"), by=manager)
    return station


def faults() -> list[verification.AnyFault]:
    return list(verification.faults())


def test_trail_of_the_product_itself_has_no_fault(trail: Station) -> None:
    assert faults() == []


def test_entries_are_numbered_station_by_station(trail: Station) -> None:
    for chain in AuditChain.objects.all():
        numbers = AuditEntry.objects.filter(station=chain.station).order_by("pk").values_list("number", flat=True)
        assert list(numbers) == list(range(1, chain.count + 1))


def test_chains_that_were_locked_beforehand_count_until_the_next_entry(trail: Station) -> None:
    with transaction.atomic():
        chains = LockedChains(trail.pk)
        assert {*chains.by_station()} == {trail.pk}

        booking(trail, slot=time(21))

        assert chains.by_station() == {}


@pytest.mark.parametrize(
    "touch",
    [
        lambda entry: entry.save(),
        lambda entry: entry.delete(),
        lambda entry: AuditEntry.objects.filter(pk=entry.pk).update(event="x"),
        lambda entry: AuditEntry.objects.filter(pk=entry.pk).delete(),
        lambda entry: AuditEntry.objects.bulk_update([entry], ["event"]),
    ],
)
def test_no_code_changes_or_deletes_an_entry(trail: Station, touch: Callable[[AuditEntry], object]) -> None:
    entry = AuditEntry.objects.earliest("pk")

    with pytest.raises(AppendOnlyError), transaction.atomic():
        touch(entry)

    assert faults() == []


class Tamperer:
    """Somebody with the database's password, and no key."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.ways = [
            self.change,
            self.change,
            self.change,
            self.take_out,
            self.swap,
            self.add,
            self.cut_off,
            self.touch_chain,
        ]

    def __call__(self) -> str:
        way = self.draw.choice(self.ways)
        return f"{way.__name__}: {way()}"

    def entry(self) -> dict[str, Any]:
        return self.draw.choice(list(AuditEntry.objects.order_by("pk").values("pk", "number", "station_id", "mac")))

    def set(self, table: str, pk: int, assignments: str, *values: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET {assignments} WHERE id = %s", [*values, pk])

    def change(self) -> str:
        entry = self.entry()
        column, value = self.draw.choice(CHANGES)
        self.set("accounts_auditentry", entry["pk"], f"{column} = {value}")
        return f"{column} = {value} in {entry['number']} of {entry['station_id']}"

    def take_out(self) -> str:
        entry = self.entry()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM accounts_auditentry WHERE id = %s", [entry["pk"]])
        return f"{entry['number']} of {entry['station_id']}"

    def swap(self) -> str:
        one, other = self.entry(), self.entry()
        while one["pk"] == other["pk"]:
            other = self.entry()
        same = "number = %s, station_id = %s" + self.draw.choice(["", ", mac = %s"])
        for mine, its in ((one, other), (other, one)):
            values = [its["number"], its["station_id"], bytes(its["mac"])][: same.count("%s")]
            self.set("accounts_auditentry", mine["pk"], same, *values)
        return f"{one} and {other}"

    def add(self) -> str:
        copy = AuditEntry.objects.get(pk=self.entry()["pk"])
        copy.pk, copy.number = None, self.draw.choice([copy.number, copy.number + 1, 10_000, 0, None])
        models.QuerySet.bulk_create(AuditEntry.objects.all(), [copy])
        return f"{copy.number} of {copy.station_id}"

    def cut_off(self) -> str:
        """The end of a chain, with a count and head that fit what is left, and the seal it had or none."""
        chain = self.draw.choice(list(AuditChain.objects.order_by("pk")))
        left = self.draw.randrange(chain.count)
        head = (
            AuditEntry.objects.filter(station=chain.station, number=left).values_list("mac", flat=True).first() or b""
        )
        with connection.cursor() as cursor:
            at = ("IS NULL", []) if chain.station_id is None else ("= %s", [chain.station_id])
            cursor.execute(f"DELETE FROM accounts_auditentry WHERE number > %s AND station_id {at[0]}", [left, *at[1]])
        if self.draw.random() < 0.7:
            self.set("accounts_auditchain", chain.pk, "count = %s, head = %s", left, bytes(head))
        return f"after {left} of {chain.station_id}"

    def touch_chain(self) -> str:
        chain = self.draw.choice(list(AuditChain.objects.order_by("pk")))
        way = self.draw.choice(
            ["count = count + 1", "count = count - 1", "head = mac_of_nobody", "seal = mac_of_nobody"]
        )
        text = way.replace("mac_of_nobody", "%s")
        self.set("accounts_auditchain", chain.pk, text, *([bytes(32)] if "%s" in text else []))
        return f"{way} of {chain.station_id}"


CHANGES: Final = [
    ("event", "'another'"), ("channel", "'nowhere'"), ("object_pk", "'12'"), ("object_repr", "'Booking of nobody'"),
    ("action", "action + 1"), ("changes", "'{\"status\": [\"a\", \"b\"]}'"), ("actor_email", "'else@example.com'"),
    ("actor_id", "NULL"), ("cid", "'0'"), ("number", "number + 1"), ("number", "NULL"), ("station_id", "NULL"),
    ("timestamp", "'2001-01-01 00:00:00+00:00'"), ("object_id", "77"), ("changes_text", "'x'"), ("mac", "NULL"),
    ("checkpoint", "1"),
]  # fmt: skip
"""Columns and what is put into them."""


def rows() -> list[Any]:
    """All that a tampering may touch."""
    return [list(model.objects.order_by("pk").values_list()) for model in (AuditEntry, AuditChain)]


@pytest.mark.slow
@pytest.mark.parametrize("count", [150, pytest.param(1_000, marks=pytest.mark.long)])
def test_every_tampering_is_found(trail: Station, count: int) -> None:
    tamper, before, missed, done = Tamperer(random.Random(count)), rows(), [], 0

    while done < count:
        with transaction.atomic():
            told = tamper()
            if rows() != before:  # some put in what was there
                done += 1
                missed += [] if faults() else [told]
            transaction.set_rollback(True)

    assert missed == []
    assert faults() == []


@pytest.mark.parametrize(
    ("column", "value", "wrong"),
    [
        ("event", "'another'", FaultKind.CHANGED),
        ("number", "99", FaultKind.MISSING),
        ("number", "NULL", FaultKind.ADDED),
    ],
)
def test_fault_names_the_entry(trail: Station, column: str, value: str, wrong: FaultKind) -> None:
    entry = AuditEntry.objects.get(station=trail, number=3)

    Tamperer(random.Random()).set("accounts_auditentry", entry.pk, f"{column} = {value}")

    assert wrong in [fault.kind for fault in faults() if fault.number == 3 or wrong == FaultKind.ADDED]


def test_trail_that_was_cut_off_says_from_where(trail: Station) -> None:
    count = AuditChain.objects.get(station=trail).count
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_auditentry WHERE number > 2 AND station_id = %s", [trail.pk])

    assert faults() == [Fault(trail.pk, 3, FaultKind.CUT_OFF)]
    assert count > 3


def test_entries_under_an_older_key_of_the_ring_are_sound(trail: Station, settings: Any) -> None:
    settings.AUDIT_KEYS = [bytes(range(1, 33)), *settings.AUDIT_KEYS]
    booking(trail, slot=time(21))

    assert faults() == []


def test_entries_under_a_lost_key_are_not(trail: Station, settings: Any) -> None:
    settings.AUDIT_KEYS = [bytes(range(1, 33))]

    assert len(faults()) > 10


def test_command_proves_a_sound_trail(trail: Station) -> None:
    out = StringIO()

    call_command("verify_audit", stdout=out)

    assert out.getvalue() == f"All {AuditEntry.objects.count()} entries of the audit log are unaltered.\n"


def test_command_names_what_is_wrong_and_fails(trail: Station) -> None:
    entry = AuditEntry.objects.get(station=trail, number=2)
    Tamperer(random.Random()).set("accounts_auditentry", entry.pk, "event = 'another'")
    out = StringIO()

    with pytest.raises(CommandError):
        call_command("verify_audit", stdout=out)

    assert out.getvalue() == f"Entry 2 of station {trail.pk} was changed, or moved to another place.\n"


def test_entries_older_than_the_chains_are_sealed_by_the_migration(trail: Station) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_auditentry SET number = NULL, mac = NULL")
        cursor.execute("DELETE FROM accounts_auditchain")
    migration = import_module("accounts.migrations.0004_audit_chain")
    then = MigrationExecutor(connection).loader.project_state(("accounts", "0004_audit_chain")).apps

    migration.seal_what_is_there(then, None)

    assert faults() == []


@pytest.mark.django_db(transaction=True)
def test_verification_while_others_write_finds_no_fault_and_keeps_nobody_waiting(
    trail: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, before = verification._chain_faults, AuditEntry.objects.count()

    def write_first(chain: AuditChain) -> Any:
        with ThreadPoolExecutor() as others:
            others.submit(_book_elsewhere, trail).result(timeout=10)
        return usual(chain)

    monkeypatch.setattr(verification, "_chain_faults", write_first)

    assert faults() == []
    assert AuditEntry.objects.count() == before + AuditChain.objects.count()


def _book_elsewhere(station: Station) -> None:
    booking(station, slot=time(21))
    connection.close()
