"""The databases that can be backed up and restored: SQLite and PostgreSQL."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

from django.db import connection

from bookings.operations.backup.manifest import BackupError, Manifest
from bookings.operations.backup.postgres import Postgres
from bookings.operations.backup.sqlite import Sqlite


class DatabaseBackend(Protocol):
    """Dumps and restores one kind of database."""

    file: str
    name: str

    def snapshot(self) -> AbstractContextManager[None]:
        """Inside the block, everything that is read and dumped is of one moment, while others write."""
        ...

    def dump(self, path: Path) -> None: ...

    def require_restorable(self, manifest: Manifest) -> None: ...

    def restored(self, path: Path) -> AbstractContextManager[None]:
        """Inside the block, this process alone works on the restored data; an error discards it."""
        ...


BACKENDS: Final[dict[str, type[DatabaseBackend]]] = {"sqlite": Sqlite, "postgresql": Postgres}


def database_backend() -> DatabaseBackend:
    """The backend of the database in the settings."""
    return BACKENDS[connection.vendor]()


def require_same_kind(manifest: Manifest) -> None:
    """Raises BackupError if the backup is of another kind of database than the settings name."""
    if manifest.database != connection.vendor:
        made_of, here = (BACKENDS[kind].name for kind in (manifest.database, connection.vendor))
        raise BackupError(
            f"This is a backup of {made_of}, and DATABASE_URL names {here}. Name an empty {made_of} database."
        )
