"""SQLite's side: its online backup while others write, and a file put in place whole."""

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
from bookings.operations.backup.manifest import Manifest, Unusable
from core.db import snapshots

FILE: Final = "data.sqlite3"
PATIENCE_SECONDS: Final = 60
BESIDE: Final = ("-wal", "-shm", "-journal")
"""What SQLite keeps next to a database, by the ends of their names."""
WITH_SESSIONS: Final = "-whole"


class Sqlite:
    file = FILE
    name = "SQLite"

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with snapshots.snapshot():
            yield

    def dump(self, path: Path) -> None:
        """The snapshot that is open, page by page, into one file, less the sessions. Raises sqlite3.Error."""
        whole = atomic_folder.private(_beside(path, WITH_SESSIONS))
        with closing(sqlite3.connect(whole, isolation_level=None)) as copy:
            connection.connection.backup(copy, progress=_Patience())
            copy.execute("PRAGMA journal_mode=DELETE")
            there = {name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for table in there.intersection(NOT_BACKED_UP):
                copy.execute(f"DELETE FROM {table}")  # noqa: S608  # a constant
            # Into a new file, for a deleted row stays on its page until something else is written there.
            copy.execute("VACUUM INTO ?", [str(atomic_folder.private(path))])
        whole.unlink()

    def require_restorable(self, manifest: Manifest) -> None:
        """Raises Unusable unless nothing is there that a restore would write over, or mix with."""
        target = _target()
        if target.exists() and target.stat().st_size:
            raise Unusable(f"There is a database already: {target}. Move it away, or name another by DATABASE_URL.")
        for left in (_beside(target, end) for end in BESIDE):
            if left.exists():
                raise Unusable(f"{left} belongs to a database that was there. Move it to where that is now.")
        if not target.parent.is_dir():
            raise Unusable(f"There is no folder {target.parent}. Make it first.")

    @contextmanager
    def restored(self, path: Path) -> Iterator[None]:
        """The backup's data as the database, for as long as this lasts under a name of its own; in place where it ends well."""
        target = _target()
        partial = _beside(target, atomic_folder.UNFINISHED)
        connection.close()
        try:
            self._forget(partial)
            with path.open("rb") as source, atomic_folder.private(partial).open("wb") as copy:
                shutil.copyfileobj(source, copy)
            connection.settings_dict["NAME"] = str(partial)
            yield
            connection.close()  # SQLite puts what stands in its log into the file, and takes the log away
            atomic_folder.sync(partial)
            partial.rename(target)
            atomic_folder.sync(target.parent)
        finally:
            connection.close()
            connection.settings_dict["NAME"] = str(target)
            self._forget(partial)

    def _forget(self, partial: Path) -> None:
        for left in (partial, *(_beside(partial, end) for end in BESIDE)):
            left.unlink(missing_ok=True)


class _Patience:
    """For a database that somebody keeps locked: Python's own never ends. Called after each step, with what SQLite said."""

    def __init__(self) -> None:
        self._until = time.monotonic() + PATIENCE_SECONDS

    def __call__(self, status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > self._until:
            raise sqlite3.OperationalError("the database is locked by another program")


def _target() -> Path:
    return Path(connection.settings_dict["NAME"])


def _beside(path: Path, end: str) -> Path:
    return path.with_name(f"{path.name}{end}")
