"""The manifest of a backup proves that the audit log was not put back to an earlier day since."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from accounts.audit import chain, checkpoints
from accounts.audit.checkpoints import Checkpointer
from accounts.models import AuditChain, AuditEntry
from bookings.operations.backup import inventory, manifest, verification
from bookings.operations.backup.manifest import BackupError
from stations.models import Station
from tests.bookings.importing.commands import run
from tests.bookings.operations.conftest import Elsewhere, restore
from tests.factories import booking


@pytest.fixture
def earlier(business: Station, tmp_path: Path) -> Path:
    """A backup of an earlier day, after which people worked on."""
    assert Checkpointer().make(timezone.now())
    assert run("backup", tmp_path / "earlier").status == 0
    booking(business)
    assert Checkpointer().make(timezone.now())
    return tmp_path / "earlier"


@pytest.fixture
def newest(earlier: Path, tmp_path: Path) -> Path:
    assert run("backup", tmp_path / "newest").status == 0
    return tmp_path / "newest"


def test_manifest_holds_the_newest_checkpoint(newest: Path) -> None:
    last = checkpoints.newest()

    assert last
    assert json.loads((newest / "manifest.json").read_text())["checkpoint"] == checkpoints.name_of(last)


@pytest.mark.parametrize("name", ["newest", "newest/manifest.json"])
def test_log_that_is_whole_agrees_with_the_manifests(earlier: Path, newest: Path, tmp_path: Path, name: str) -> None:
    done = run("verify_audit", "--manifest", earlier, "--manifest", tmp_path / name)

    assert (done.status, done.out.splitlines()[1:3]) == (
        0,
        [
            "Combined heads recorded elsewhere: 2. All of them match.",
            "The audit log holds all that the manifests name.",
        ],
    )


def test_database_put_back_to_an_earlier_day_is_found_by_a_later_manifest(
    earlier: Path, newest: Path, elsewhere: Elsewhere, business: Station
) -> None:
    with elsewhere():
        restore(earlier)
        ends = {chain.station_id: chain.count for chain in AuditChain.objects.all()}
        assert run("verify_audit").status == 0  # it is whole, as it was then

        done = run("verify_audit", "--manifest", newest)

    assert done.status == 1
    assert done.out.splitlines() == [
        "Checkpoint 2 is missing.",
        f"Entry {ends[business.pk] + 1} of station {business.pk} and all that follow were removed.",
    ]


def test_end_of_a_chain_that_a_manifest_names_is_found_cut_without_any_checkpoint(
    business: Station, tmp_path: Path
) -> None:
    before = AuditChain.objects.get(station=business)
    booking(business)
    assert run("backup", tmp_path / "backup").status == 0
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM accounts_auditentry WHERE station_id = %s AND number > %s", [business.pk, before.count]
        )
        cursor.execute(
            "UPDATE accounts_auditchain SET count = %s, head = %s, seal = %s WHERE id = %s",
            [before.count, bytes(before.head), bytes(before.seal), before.pk],
        )
    assert run("verify_audit").status == 0

    done = run("verify_audit", "--manifest", tmp_path / "backup")

    assert (done.status, done.out) == (
        1,
        f"Entry {before.count + 1} of station {business.pk} and all that follow were removed.\n",
    )


def test_manifest_that_was_changed_proves_nothing(newest: Path) -> None:
    said = json.loads((newest / "manifest.json").read_text())
    (newest / "manifest.json").write_text(json.dumps({**said, "checkpoint": ""}))

    done = run("verify_audit", "--manifest", newest)

    assert (done.status, done.out) == (1, "")
    assert done.err == f"The manifest of {newest} is not signed with AUDIT_KEYS, so it proves nothing."


def test_manifest_from_before_there_were_checkpoints_is_read(newest: Path) -> None:
    said, _sealed = manifest.read(newest)
    older = json.loads(replace(said, checkpoint="").as_json())
    del older["checkpoint"], older["seal"]
    (newest / manifest.NAME).write_text(json.dumps({**older, "seal": chain.sign(older).hex()}))

    done = run("verify_audit", "--manifest", newest)

    assert (done.status, AuditEntry.objects.exists()) == (0, True)


def test_restore_refuses_another_newest_checkpoint_than_the_manifests(newest: Path, business: Station) -> None:
    said = inventory.take()

    with pytest.raises(BackupError, match="newest checkpoint is not the one that the manifest names"):
        verification.require_same_contents(replace(said, checkpoint=f"2:{'0' * 64}"))
