"""`manage.py keys retire`: only keys under which nothing is stored, and with which nobody encrypts."""

from pathlib import Path
from typing import Any

import pytest

from accounts import roles
from accounts.audit import verification
from accounts.encryption.keys import key_id, new_key
from accounts.key_management.keyrings import INDEX
from accounts.models import AuditChain, AuditEntry, Customer
from bookings import services
from bookings.models import Booking, ImportedRow
from stations.models import Station
from tests import factories
from tests.accounts.key_management.conftest import Change, connected, keys
from tests.bookings.importing.commands import counts, import_file, write

FILE = "station,date,slot,customer_name,customer_email\nkitchen,2031-03-07,18:00,Ana García,ana@example.com\n"


@pytest.fixture
def ana(station: Station) -> Customer:
    return factories.customer(station)


@pytest.fixture
def file(station: Station, tmp_path: Path) -> Path:
    return write(tmp_path / "in.csv", FILE)


def test_key_that_nothing_is_under_may_be_taken_out(ana: Customer, change: Change) -> None:
    change.to("new", "old")
    keys("rotate")

    done = keys("retire", change.data.old_id)

    assert (done.status, done.err) == (0, "")
    assert done.out == (
        f"Nothing is encrypted with {change.data.old_id} any longer. Remove it from PII_KEYS, where it is number 2, "
        "and restart servers and workers. Keep it with the backups made until now: they need it.\n"
    )


def test_key_in_use_is_not_retired_and_says_by_what(ana: Customer, change: Change) -> None:
    factories.booking(ana.station, special_requests="By the window")
    change.to("new", "old")

    done = keys("retire", change.data.old_id)

    assert done.status == 1
    assert done.out.splitlines() == [
        "  accounts.Customer.email: 1",
        "  accounts.Customer.name: 1",
        "  accounts.Customer.notes: 1",
        "  accounts.Customer.phone: 1",
        "  bookings.Booking.special_requests: 1",
    ]
    assert done.err == (
        f"Rewrite it first: manage.py keys rotate --ring data\nValues still encrypted with {change.data.old_id}: 5."
    )


def test_key_that_writes_is_not_retired_even_where_nothing_is_under_it(station: Station, change: Change) -> None:
    change.to("new", "old")

    for pair in (change.data, change.index):
        done = keys("retire", pair.new_id)
        assert (done.status, done.err) == (1, f"{pair.new_id} is the key used for writing. Put another one first.")


def test_key_that_another_process_writes_under_is_not_retired(station: Station, change: Change) -> None:
    change.to("new", "old")

    with connected(data=[change.data.old, change.data.new], index=[change.index.new, change.index.old]) as known:
        data, index = keys("retire", change.data.old_id), keys("retire", change.index.old_id)

    assert (data.status, index.status) == (1 if known else 0, 0)
    assert data.err.startswith("Some processes connected to the database still write with" if known else "")


def test_key_that_no_ring_holds_is_not_retired(db: None) -> None:
    done = keys("retire", "00c0ffee")

    assert (done.status, done.err) == (1, "No setting contains the key 00c0ffee. See manage.py keys list.")


@pytest.mark.parametrize("text", ["", "coffee", "00c0ffee00", "nothexes"])
def test_key_is_named_by_its_id(db: None, text: str) -> None:
    done = keys("retire", text)

    assert (done.status, done.out) == (1, "")
    assert "A key's id is eight letters and digits" in done.err


def test_index_key_of_imported_rows_is_not_retired_and_says_what_can_be_done(file: Path, change: Change) -> None:
    import_file(file)
    change.to("new", "old")
    keys("rotate")

    done = keys("retire", change.index.old_id)

    assert done.status == 1
    assert done.out.splitlines() == ["  bookings.ImportedRow.content: 1", "  bookings.ImportedRow.fingerprint: 1"]
    assert done.err.startswith("These are imported rows, recognised by hashes that can't be recalculated.")
    assert "use --forget-imports. Those files would then count as new:" in done.err


def test_imported_rows_are_known_under_either_key_and_come_over_with_their_file(file: Path, change: Change) -> None:
    import_file(file)
    change.to("new", "old")
    keys("rotate")

    assert import_file(file).summary == counts(unchanged=1)

    assert keys("retire", change.index.old_id).status == 0
    change.to("new")
    assert import_file(file).summary == counts(unchanged=1)


def test_imported_row_that_a_shorter_file_names_keeps_what_is_remembered_until_a_whole_one_comes(
    station: Station, tmp_path: Path, change: Change
) -> None:
    whole = "external_ref,station,date,slot,party_adults\nA1,kitchen,2031-03-07,18:00,2\n"
    file = write(tmp_path / "whole.csv", whole)
    shorter = write(tmp_path / "shorter.csv", "external_ref,station,date,slot\nA1,kitchen,2031-03-07,18:00\n")
    import_file(file)
    services.edit(Booking.objects.get().pk, {"party_adults": 5}, by=roles.OPERATOR)
    change.to("new", "old")

    assert import_file(shorter).summary == counts(unchanged=1)
    assert keys("retire", change.index.old_id).out.splitlines() == ["  bookings.ImportedRow.content: 1"]
    assert import_file(file).summary == counts(unchanged=1)
    assert keys("retire", change.index.old_id).status == 0
    assert Booking.objects.get().party_adults == 5


def test_imported_rows_are_forgotten_where_that_is_said(file: Path, change: Change) -> None:
    import_file(file)
    change.to("new", "old")
    keys("rotate")

    done = keys("retire", change.index.old_id, "--forget-imports")

    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[0] == "Imported rows forgotten: 1. Their files are new now."
    assert done.out.splitlines()[1].startswith(
        f"Nothing is encrypted with {change.index.old_id} any longer. Remove it from INDEX_KEYS,"
    )
    assert (Booking.objects.count(), ImportedRow.objects.count()) == (1, 0)


def test_imported_rows_are_kept_where_more_than_they_is_in_the_way(file: Path, change: Change) -> None:
    import_file(file)
    change.to("new", "old")

    done = keys("retire", change.index.old_id, "--forget-imports")

    assert done.status == 1
    assert done.err.startswith("Rewrite it first: manage.py keys rotate --ring index")
    assert ImportedRow.objects.count() == 1


def test_imported_rows_under_another_key_are_kept(file: Path, change: Change) -> None:
    import_file(file)
    change.to("new", "old")
    write(file, FILE.replace("18:00", "19:00"))
    import_file(file)
    keys("rotate")

    keys("retire", change.index.old_id, "--forget-imports")

    assert set(INDEX.uses()) == {key_id(change.index.new)}
    assert import_file(file).summary == counts(unchanged=1)


def test_key_of_sealed_entries_stays(ana: Customer, settings: Any) -> None:
    older, entries = settings.AUDIT_KEYS[0], AuditEntry.objects.count()
    settings.AUDIT_KEYS = [new_key(), older]
    heads = AuditChain.objects.count()

    done = keys("retire", key_id(older).hex())

    assert done.status == 1
    assert done.out.splitlines() == [f"  accounts.AuditChain: {heads}", f"  accounts.AuditEntry: {entries}"]
    assert done.err.startswith("The audit log is never resealed: the key stays as long as these entries do.\n")
    assert list(verification.faults()) == []


def test_key_that_sealed_nothing_may_be_taken_out(ana: Customer, settings: Any) -> None:
    settings.AUDIT_KEYS = [*settings.AUDIT_KEYS, never_used := new_key()]

    done = keys("retire", key_id(never_used).hex())

    assert (done.status, done.err) == (0, "")
