"""Backups that are not what they were, places that are not empty, disks that are full, processes that are killed."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.db import connection

from accounts.encryption.keys import key_id, new_key
from accounts.models import AuditEntry
from bookings.operations.backup import manifest
from bookings.operations.backup.atomic_folder import UNFINISHED
from bookings.operations.backup.postgres import Postgres
from bookings.operations.backup.sqlite import Sqlite
from stations.models import Station
from tests.bookings.importing.commands import run
from tests.bookings.operations.conftest import Elsewhere, bookings_there, is_empty, restore
from tests.concurrency import run_concurrently
from tests.factories import open_station


def data_of(backup: Path) -> Path:
    [found] = backup.glob("data.*")
    return found


def say_otherwise(backup: Path, **changes: Any) -> None:
    """Let the manifest say something else, as if it had from the beginning."""
    said, _sealed = manifest.read(backup)
    (backup / manifest.NAME).write_text(replace(said, **changes).as_json())


def refused(elsewhere: Elsewhere, backup: Path, *words: Any) -> str:
    """What the refusal says; nothing is there then."""
    with elsewhere():
        done = restore(backup, *words)

        assert done.status == 1
        assert is_empty()
    return done.err


def test_changed_byte_is_seen_before_anything_is_restored(backup: Path, elsewhere: Elsewhere) -> None:
    data = data_of(backup)
    raw = bytearray(data.read_bytes())
    raw[len(raw) // 2] ^= 1
    data.write_bytes(raw)

    told = f"{data} was changed since it was made: its checksum differs. Use another backup."
    assert refused(elsewhere, backup) == told
    assert restore(backup, "--check").err == told


@pytest.mark.looks
def test_file_that_was_cut_off_is_seen(backup: Path, elsewhere: Elsewhere) -> None:
    data = data_of(backup)
    size = data.stat().st_size
    os.truncate(data, size // 2)

    assert refused(elsewhere, backup) == (
        f"{data} has {size // 2} bytes, and had {size} when it was made. Use another backup."
    )


@pytest.mark.looks
def test_file_that_is_missing_is_seen(backup: Path, elsewhere: Elsewhere) -> None:
    (backup / "erasures").unlink()

    assert refused(elsewhere, backup) == f"{backup}/erasures is missing. Use another backup."


@pytest.mark.looks
def test_folder_without_a_manifest_is_no_backup(business: Station, elsewhere: Elsewhere, tmp_path: Path) -> None:
    told = f"{tmp_path} is no whole backup: it holds no manifest.json. One that was interrupted never does."

    assert refused(elsewhere, tmp_path) == told


@pytest.mark.looks
def test_manifest_that_is_no_manifest_is_reported(backup: Path, elsewhere: Elsewhere) -> None:
    (backup / "manifest.json").write_text("[]")

    assert "is damaged" in refused(elsewhere, backup)


@pytest.mark.looks
def test_manifest_that_was_changed_is_reported(backup: Path, elsewhere: Elsewhere) -> None:
    path = backup / "manifest.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "made_at": "2031-01-01T00:00:00+00:00"}))

    assert refused(elsewhere, backup).startswith("The manifest is not sealed under AUDIT_KEYS: it was changed")


def test_data_that_is_damaged_and_agrees_with_its_manifest_restores_nothing(backup: Path, elsewhere: Elsewhere) -> None:
    data = data_of(backup)
    os.truncate(data, data.stat().st_size * 3 // 4)
    said, _sealed = manifest.read(backup)
    say_otherwise(backup, files=said.with_files(data, backup / "erasures").files)

    assert "Unexpected" not in refused(elsewhere, backup)


def test_other_count_than_the_manifest_has_restores_nothing(backup: Path, elsewhere: Elsewhere) -> None:
    said, _sealed = manifest.read(backup)
    say_otherwise(backup, rows={**said.rows, "bookings_booking": said.rows["bookings_booking"] + 1})

    assert refused(elsewhere, backup) == "bookings_booking has 5 rows, and the manifest says 6. Use another backup."


@pytest.mark.looks
def test_trail_that_ends_elsewhere_than_the_manifest_says_restores_nothing(backup: Path, elsewhere: Elsewhere) -> None:
    said, _sealed = manifest.read(backup)
    [nowhere, *others] = said.chains
    say_otherwise(backup, chains=[{**nowhere, "count": nowhere["count"] + 1}, *others])

    told = "The audit trail of no station does not end where the manifest says. Use another backup."
    assert refused(elsewhere, backup) == told


@pytest.mark.looks
@pytest.mark.parametrize("ring", ["PII_KEYS", "INDEX_KEYS", "AUDIT_KEYS"])
def test_keys_that_are_lacking_are_named(backup: Path, elsewhere: Elsewhere, settings: Any, ring: str) -> None:
    [needed] = getattr(settings, ring)
    setattr(settings, ring, [new_key()])

    assert refused(elsewhere, backup).splitlines() == [
        f"{ring} lacks {key_id(needed).hex()}, which the backup needs. Put back the keys of when it was made.",
        "If it is all there is, restore it --with-faults, and mend them afterwards.",
    ]


@pytest.mark.looks
def test_backup_of_another_release_names_what_differs(backup: Path, elsewhere: Elsewhere) -> None:
    said, _sealed = manifest.read(backup)
    newer = {**said.migrations, "bookings": [*said.migrations["bookings"], "0999_wings"]}
    older = {**said.migrations, "stations": said.migrations["stations"][:-1]}
    last = said.migrations["stations"][-1]

    told = []
    for migrations in (newer, older):
        say_otherwise(backup, migrations=migrations)
        told.append(refused(elsewhere, backup))

    assert told == [
        "The backup was made by a newer release, which differs by bookings.0999_wings. Restore it with that release.",
        f"The backup was made by an older release, which differs by stations.{last}. Restore it with that release, then "
        "upgrade.",
    ]


@pytest.mark.looks
def test_backup_of_the_other_kind_of_database_is_reported(backup: Path, elsewhere: Elsewhere) -> None:
    kinds = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    [other] = {*kinds} - {connection.vendor}
    say_otherwise(backup, database=other)

    assert refused(elsewhere, backup).startswith(
        f"This is a backup of {kinds[other]}, and DATABASE_URL names {kinds[connection.vendor]}."
    )


def test_place_that_is_not_empty_is_refused_and_stays_as_it_is(backup: Path) -> None:
    before = bookings_there()

    done = restore(backup)

    assert done.status == 1
    assert ("There is a database already" if connection.vendor == "sqlite" else "is not empty") in done.err
    assert bookings_there() == before


@pytest.mark.sqlite
def test_what_an_older_database_left_beside_is_not_mixed_in(backup: Path, elsewhere: Elsewhere) -> None:
    with elsewhere():
        left = Path(f"{connection.settings_dict['NAME']}-wal")
        left.write_bytes(b"older")

        assert f"{left} belongs to a database that was there." in restore(backup).err


def test_trail_that_was_tampered_with_before_is_restored_only_when_that_is_wanted(
    business: Station, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    entry = AuditEntry.objects.filter(station=business).earliest("number")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_auditentry SET event = 'x' WHERE id = %s", [entry.pk])
    run("backup", backup := tmp_path / "backup")
    fault = f"Entry {entry.number} of station {business.pk} was changed, or moved to another place."

    told = refused(elsewhere, backup)

    assert told.splitlines()[0] == fault
    with elsewhere():
        done = restore(backup, "--with-faults")
        assert (done.status, fault in done.out.splitlines()) == (0, True)


@contextmanager
def no_room_for(size: int) -> Iterator[None]:
    """No file may become larger, as on a disk that is full."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def test_disk_that_is_full_leaves_no_backup(business: Station, tmp_path: Path) -> None:
    (folder := tmp_path / "backups").mkdir()

    with no_room_for(8192):
        done = run("backup", folder)

    assert (done.status, [*folder.iterdir()]) == (1, [])
    assert done.err.startswith(("No backup was made: ", "pg_dump "))


@pytest.mark.looks
def test_disk_that_is_full_leaves_nothing_restored(backup: Path, elsewhere: Elsewhere) -> None:
    with no_room_for(8192):
        told = refused(elsewhere, backup)

    assert told.startswith("Nothing was restored: ")


def killed(database_url: str, *words: Any) -> None:
    """The command, in a process of its own, killed before its end."""
    environment = os.environ | {"DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bookings.operations.killed_command", *map(str, words)],
        env=environment,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_backup_that_was_killed_is_none_and_goes_with_the_next(
    business: Station, database_url: str, tmp_path: Path
) -> None:
    (folder := tmp_path / "backups").mkdir()
    killed(database_url, "backup", folder)
    [left] = folder.iterdir()

    told, done = restore(left).err, run("backup", folder)

    assert left.name.endswith(UNFINISHED)
    assert told.startswith(f"{left} is no whole backup")
    assert done.status == 0
    assert [path.name.endswith(UNFINISHED) for path in folder.iterdir()] == [False]


@pytest.mark.slow
def test_restore_that_was_killed_left_nothing_and_is_done_again(
    backup: Path, elsewhere: Elsewhere, database_url: str
) -> None:
    name = connection.settings_dict["NAME"]
    with elsewhere():
        killed(database_url.replace(name, connection.settings_dict["NAME"]), "restore", backup)

        if connection.vendor == "sqlite":
            assert not Path(connection.settings_dict["NAME"]).exists()
        else:
            assert is_empty()
        assert restore(backup).status == 0


@pytest.mark.race
def test_backups_while_others_write_are_each_of_one_moment(
    database_url: str, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    stations = [open_station(code=code, hours=(17, 18, 19), capacity=2) for code in ("left", "right")]
    competitors = Thread(
        target=run_concurrently, args=(database_url, 2, "120", *(one.code for one in stations)), kwargs=RACER
    )
    competitors.start()
    while competitors.is_alive() and not bookings_there():
        time.sleep(0.01)
    ended = [run("backup", tmp_path / f"backup{number}").status for number in range(3)]
    raced = competitors.is_alive()
    competitors.join()

    assert ended == [0, 0, 0]
    assert raced
    for number in range(3):
        with elsewhere():
            done = restore(tmp_path / f"backup{number}")
            assert (done.status, done.err) == (0, "")


RACER = {"module": "tests.bookings.racer"}


@pytest.mark.postgresql
@pytest.mark.parametrize(("releases", "told"), [([], "not on this machine"), ([14], "of release 14, which is older")])
def test_tool_that_is_missing_or_older_is_reported(
    business: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, releases: list[int], told: str
) -> None:
    (tools := tmp_path / "bin").mkdir()
    for release in releases:
        tool = tools / "pg_dump"
        tool.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {release}.3'\n")
        tool.chmod(0o755)
    monkeypatch.setattr("bookings.operations.backup.postgres.DEBIAN_FOLDER", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tools}")
    server = connection.get_database_version()[0]

    done = run("backup", tmp_path / "backup")

    assert done.err == (
        f"pg_dump of PostgreSQL {server} or newer is needed, and is {told}. Install postgresql-client-{server}."
    )


def test_each_kind_of_database_names_its_own_file() -> None:
    assert (Sqlite.file, Postgres.file) == ("data.sqlite3", "data.dump")
