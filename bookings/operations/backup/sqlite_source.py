"""Reads the stored rows of an SQLite database that is locked exclusively, as the source of a move to PostgreSQL."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from django.utils import timezone

from accounts.models import AuditChain
from bookings.operations.backup.inventory import NOT_COUNTED
from bookings.operations.backup.manifest import BackupError, Manifest

LOCK_TIMEOUT_SECONDS: Final = 5


class SqliteSource:
    """An open and locked database. All methods raise sqlite3.Error if the file is damaged or not the product's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def manifest(self) -> Manifest:
        """The manifest to verify the move with, without keys and checkpoint, which need the product's models to read."""
        return Manifest(
            made_at=timezone.now().isoformat(timespec="seconds"),
            database="sqlite",
            server=sqlite3.sqlite_version,
            migrations=self._migrations(),
            rows={table: self._count(table) for table in self.tables() if table not in NOT_COUNTED},
            chains=self._chains(),
            keys={},
        )

    def tables(self) -> list[str]:
        found = self._execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return sorted(name for (name,) in found)

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        names = ", ".join(f'"{column}"' for column in columns)
        yield from self._execute(f'SELECT {names} FROM "{table}"')  # noqa: S608  # names of the models'

    def sequences(self) -> dict[str, int]:
        """The highest primary key ever used in each table, deleted rows included."""
        return dict(self._execute("SELECT name, seq FROM sqlite_sequence"))

    def _migrations(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for app, name in self._execute("SELECT app, name FROM django_migrations ORDER BY app, name"):
            found.setdefault(app, []).append(name)
        return found

    def _chains(self) -> list[Mapping[str, Any]]:
        table = AuditChain._meta.db_table
        found = self._execute(f'SELECT station_id, count, head FROM "{table}"')  # noqa: S608  # as above
        chains = [{"station": station, "count": count, "head": head.hex()} for station, count, head in found]
        return sorted(chains, key=lambda one: one["station"] or 0)

    def _count(self, table: str) -> int:
        [(count,)] = self._execute(f'SELECT count(*) FROM "{table}"')  # noqa: S608  # as above
        return int(count)

    def _execute(self, sql: str) -> sqlite3.Cursor:
        return self._connection.execute(sql)


@contextmanager
def locked(path: Path) -> Iterator[SqliteSource]:
    """Open and lock a database file exclusively. Raises BackupError if it is in use or cannot be opened."""
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=LOCK_TIMEOUT_SECONDS
        )
    except sqlite3.OperationalError as error:
        raise BackupError(f"{path} cannot be opened: {error}. Name the product's SQLite file.") from None
    with closing(connection):
        _lock(connection, path)
        yield SqliteSource(connection)


def _lock(connection: sqlite3.Connection, path: Path) -> None:
    try:
        # In WAL mode even an idle connection holds a shared lock, so exclusive mode detects every other process.
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise BackupError(f"{path} is in use. Stop servers and workers, and run this again.") from None
        raise BackupError(f"{path} cannot be read: {error}. Name the product's SQLite file.") from None
