"""Migrated test databases: built once for each state of the migrations, kept, and copied by every test process."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import connection
from django.test import TransactionTestCase
from django.test.utils import setup_databases, teardown_databases

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / "var" / "test-databases"
PREFIX: Final = "stationbook_template_"
SCHEMA_SOURCES: Final = (
    "*/migrations/*.py",
    "core/db/**/*.py",
    "accounts/encryption/*.py",
    "accounts/rls/*.py",
    "accounts/roles.py",
    "tests/settings.py",
    "requirements.txt",
)
"""The files that decide what `migrate` leaves in an empty database."""
KEPT_COUNT: Final = 4
"""How many states are kept on each kind of database, so that switching between branches rebuilds nothing."""


def schema_fingerprint(root: Path = ROOT) -> str:
    """A hash of the files in `SCHEMA_SOURCES`, names and contents."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in SCHEMA_SOURCES for path in root.glob(pattern)}):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root)}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


@contextmanager
def copied_database(*, rebuild: bool = False) -> Iterator[None]:
    """A database for this process, copied from the one that is kept. With `rebuild`, that one is built again first."""
    kept = _PostgresTemplate() if connection.vendor == "postgresql" else _SqliteTemplate()
    with _lock():
        if not rebuild and kept.exists():
            created = kept.create_copy()
        else:
            created = _set_up()
            kept.save()
    yield
    teardown_databases(created, verbosity=0)


PERMANENT_MODELS: Final = (ContentType, Permission, Group, Group.permissions.through)
"""What `migrate` fills. To create it again after each test that commits takes longer than many of these tests."""


@contextmanager
def permanent_rows_kept() -> Iterator[None]:
    """Let tests that commit empty all tables but those of `PERMANENT_MODELS`, unless a test has changed their rows."""
    migrated = _permanent_rows()

    def empty_tables(test: TransactionTestCase) -> None:
        nonlocal migrated
        if _permanent_rows() == migrated:
            permanent = {model._meta.db_table for model in PERMANENT_MODELS}
            found = set(connection.introspection.django_table_names(only_existing=True, include_views=False))
            connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), sorted(found - permanent)))
        else:
            flush(test)
            migrated = _permanent_rows()

    flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]
    with patch.object(TransactionTestCase, "_fixture_teardown", empty_tables):
        yield


def _permanent_rows() -> list[list[tuple[Any, ...]]]:
    return [[*model._base_manager.order_by("pk").values_list()] for model in PERMANENT_MODELS]


def _set_up(*, keepdb: bool = False) -> Any:
    """Create the database unless it is kept, and run `migrate`, which also brings groups and policies up to date."""
    return setup_databases(verbosity=0, interactive=False, serialized_aliases=set(), keepdb=keepdb)


@contextmanager
def _lock() -> Iterator[None]:
    """One process at a time, across all that run the tests of this checkout."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _SqliteTemplate:
    """A file in `FOLDER`."""

    def __init__(self) -> None:
        self.path = FOLDER / f"{schema_fingerprint()}.sqlite3"

    def exists(self) -> bool:
        return self.path.exists()

    def create_copy(self) -> Any:
        shutil.copyfile(self.path, connection.settings_dict["TEST"]["NAME"])
        os.utime(self.path)
        return _set_up(keepdb=True)

    def save(self) -> None:
        unfinished = self.path.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(unfinished)])
        unfinished.replace(self.path)
        for old in sorted(FOLDER.glob("*.sqlite3"), key=lambda path: path.stat().st_mtime)[:-KEPT_COUNT]:
            old.unlink()


class _PostgresTemplate:
    """A database on the same server, which nobody may connect to while it is copied."""

    def __init__(self) -> None:
        self.name = PREFIX + schema_fingerprint()

    def exists(self) -> bool:
        return self.name in self._names()

    def create_copy(self) -> Any:
        connection.settings_dict["TEST"]["TEMPLATE"] = self.name
        return _set_up()

    def save(self) -> None:
        database = connection.settings_dict["NAME"]
        connection.close()
        for old in [self.name, *self._names()[: 1 - KEPT_COUNT]]:
            self._execute(f'DROP DATABASE IF EXISTS "{old}"')
        self._execute(f'CREATE DATABASE "{self.name}" TEMPLATE "{database}"')

    def _names(self) -> list[str]:
        """All that are kept, the oldest first."""
        return self._execute(f"SELECT datname FROM pg_database WHERE datname LIKE '{PREFIX}%%' ORDER BY oid")

    def _execute(self, statement: str) -> list[str]:
        with connection._nodb_cursor() as cursor:
            cursor.execute(statement)
            return [name for (name,) in cursor.fetchall()] if cursor.description else []
