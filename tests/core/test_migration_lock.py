"""Processes that migrate one database at the same moment: one works, the others wait and find nothing left to do."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from core.db.migration_lock import migration_lock
from tests.conftest import url_of_database

PATIENCE_SECONDS = 300
WAITS = "Another process migrates this database. Waiting until it has ended.\n"


def start_migrate(database_url: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "migrate", "--no-color", "--settings", "tests.settings"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def unexpected() -> None:
    pytest.fail("It had to wait.")


@pytest.mark.race
def test_migrate_waits_for_another_and_then_has_nothing_to_do(database_url: str) -> None:
    with migration_lock(connection, unexpected):
        process = start_migrate(database_url)
        assert process.stderr
        assert process.stderr.readline() == WAITS
        assert process.poll() is None
    out, error = process.communicate(timeout=PATIENCE_SECONDS)

    assert (process.returncode, error) == (0, "")
    assert "No migrations to apply." in out


def test_migration_lock_ends_with_its_block(transactional_db: None) -> None:
    for _time in range(2):
        with migration_lock(connection, unexpected):
            pass


def test_migrate_that_only_looks_waits_for_nobody(transactional_db: None) -> None:
    with migration_lock(connection, unexpected):
        call_command("migrate", check_unapplied=True, verbosity=0)


@pytest.fixture
def empty_database_url(transactional_db: None, tmp_path: Path) -> Iterator[str]:
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.sqlite3"
        return
    name = f"empty_{uuid.uuid4().hex}"
    with psycopg.connect(url_of_database(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield url_of_database().replace(f"@/{connection.settings_dict['NAME']}?", f"@/{name}?")
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.race
@pytest.mark.long
def test_two_that_migrate_an_empty_database_at_once_both_succeed(empty_database_url: str) -> None:
    """The one that waits holds up no index that the other makes concurrently."""
    both = [start_migrate(empty_database_url) for _process in range(2)]
    told = [process.communicate(timeout=PATIENCE_SECONDS) for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert sorted("No migrations to apply." in out for out, _error in told) == [False, True]
    assert sorted(error for _out, error in told) == ["", WAITS]
