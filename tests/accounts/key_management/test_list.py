"""`manage.py keys list` and `new`: the keys of the rings and their usage, without showing a key."""

import base64
from typing import Any

import pytest

from accounts.encryption.keys import is_handmade, is_weak, key_id
from accounts.key_management.keyrings import DATA, INDEX
from accounts.models import AuditChain, AuditEntry, Customer
from stations.models import Station
from tests import factories
from tests.accounts.key_management.conftest import Change, keys


@pytest.fixture
def ana(station: Station) -> Customer:
    return factories.customer(station)


def test_list_tells_what_is_under_each_key_and_which_writes(ana: Customer, change: Change, settings: Any) -> None:
    hashes = ana.indexes.count()
    change.to("new", "old")
    bob = factories.customer(ana.station, "Bob", "bob@example.com")

    done = keys("list")

    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == [
        "data (PII_KEYS)",
        f"  {change.data.new_id}  writes               4",
        f"  {change.data.old_id}  reads                4",
        "index (INDEX_KEYS)",
        f"  {change.index.new_id}  writes    {bob.indexes.count():>12}",
        f"  {change.index.old_id}  reads     {hashes:>12}",
        "audit (AUDIT_KEYS)",
        f"  {key_id(settings.AUDIT_KEYS[0]).hex()}  writes               ?",
    ]


def test_list_names_a_key_that_is_missing(ana: Customer, change: Change) -> None:
    change.data_to("new")

    assert keys("list", "--ring", "data").out.splitlines() == [
        "data (PII_KEYS)",
        f"  {change.data.new_id}  writes               0",
        f"  {change.data.old_id}  MISSING              4",
    ]


def test_list_counts_the_trails_entries_where_they_are_asked_for(ana: Customer, settings: Any) -> None:
    older, entries = settings.AUDIT_KEYS[0], AuditEntry.objects.count()
    chains = AuditChain.objects.count()
    settings.AUDIT_KEYS = [bytes(range(1, 33)), older]
    factories.customer(ana.station, "Bob", "bob@example.com")

    assert keys("list", "--ring", "audit").out.splitlines() == [
        "audit (AUDIT_KEYS)",
        f"  {key_id(settings.AUDIT_KEYS[0]).hex()}  writes    {AuditEntry.objects.count() - entries + 1:>12}",
        f"  {key_id(older).hex()}  reads     {entries + chains - 1:>12}",
    ]


def test_nothing_shows_a_key(ana: Customer, change: Change) -> None:
    change.to("new", "old")
    said = [keys("list"), keys("rotate"), keys("retire", change.data.new_id), keys("retire", change.data.old_id)]

    for key in (change.data.old, change.data.new, change.index.old, change.index.new):
        for spelling in (base64.b64encode(key).decode(), key.hex(), repr(key)):
            assert [run for run in said if spelling in run.out + run.err] == []


def test_new_prints_a_fresh_key_alone_and_says_where_it_goes(db: None) -> None:
    rings = DATA.ids, INDEX.ids
    done, other = keys("new", "--ring", "index"), keys("new", "--ring", "index")

    key = base64.b64decode(done.out)
    assert not is_weak(key)
    assert not is_handmade(key)
    assert done.err.startswith(f"New key for INDEX_KEYS, with the ID {key_id(key).hex()}. Nothing was changed.")
    assert other.out != done.out
    assert rings == (DATA.ids, INDEX.ids)


def test_new_key_of_the_trail_goes_before_the_others(db: None) -> None:
    assert "Put it first in AUDIT_KEYS, keep the others after it," in keys("new", "--ring", "audit").err
