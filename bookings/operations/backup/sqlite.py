"""Backup of SQLite: a copy made while others write, and a restored file that is renamed into place."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from django.db import connection

from bookings.operations.backup import atomic_folder
from bookings.operations.backup.inventory import NOT_BACKED_UP
from bookings.operations.backup.manifest import BackupError, Manifest
from core.db import snapshots

FILE: Final = "data.sqlite3"
LOCK_TIMEOUT_SECONDS: Final = 60
COMPANION_SUFFIXES: Final = ("-wal", "-shm", "-journal")
"""Suffixes of the files that SQLite keeps next to a database."""
UNFILTERED_SUFFIX: Final = "-whole"


class Sqlite:
    file = FILE
    name = "SQLite"

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with snapshots.snapshot():
            yield

    def dump(self, path: Path) -> None:
        """Copy the open snapshot into one file, without the rows that are not backed up. Raises sqlite3.Error."""
        whole = atomic_folder.create_private(_sibling(path, UNFILTERED_SUFFIX))
        with closing(sqlite3.connect(whole, isolation_level=None)) as copy:
            connection.connection.backup(copy, progress=_LockTimeout())
            copy.execute("PRAGMA journal_mode=DELETE")
            there = {name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for table in there.intersection(NOT_BACKED_UP):
                copy.execute(f"DELETE FROM {table}")  # noqa: S608  # a constant
            # Into a new file: deleted rows would stay readable in the old one.
            copy.execute("VACUUM INTO ?", [str(atomic_folder.create_private(path))])
        whole.unlink()

    def require_restorable(self, manifest: Manifest) -> None:
        """Raises BackupError if there is a database already, or files of one."""
        target = _target()
        if target.exists() and target.stat().st_size:
            raise BackupError(f"There is a database already: {target}. Move it away, or name another by DATABASE_URL.")
        for left in (_sibling(target, end) for end in COMPANION_SUFFIXES):
            if left.exists():
                raise BackupError(f"{left} belongs to a database that was there. Move it to where that is now.")
        if not target.parent.is_dir():
            raise BackupError(f"There is no folder {target.parent}. Make it first.")

    @contextmanager
    def restored(self, path: Path) -> Iterator[None]:
        """Work on the restored data under a temporary name, which is renamed when the block ends without an error."""
        target = _target()
        partial = _sibling(target, atomic_folder.UNFINISHED)
        connection.close()
        try:
            self._delete(partial)
            with path.open("rb") as source, atomic_folder.create_private(partial).open("wb") as copy:
                shutil.copyfileobj(source, copy)
            connection.settings_dict["NAME"] = str(partial)
            yield
            connection.close()  # makes SQLite write its log to the file and delete the log
            atomic_folder.fsync(partial)
            partial.rename(target)
            atomic_folder.fsync(target.parent)
        finally:
            connection.close()
            connection.settings_dict["NAME"] = str(target)
            self._delete(partial)

    def _delete(self, partial: Path) -> None:
        for left in (partial, *(_sibling(partial, end) for end in COMPANION_SUFFIXES)):
            left.unlink(missing_ok=True)


class _LockTimeout:
    """Ends the copying of a database that stays locked, which Python retries forever. Called after each step."""

    def __init__(self) -> None:
        self._until = time.monotonic() + LOCK_TIMEOUT_SECONDS

    def __call__(self, status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > self._until:
            raise sqlite3.OperationalError("the database is locked by another program")


def _target() -> Path:
    return Path(connection.settings_dict["NAME"])


def _sibling(path: Path, end: str) -> Path:
    return path.with_name(f"{path.name}{end}")
