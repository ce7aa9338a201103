"""The two kinds of database that a backup can be of."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

from django.db import connection

from bookings.operations.backup.manifest import Manifest, Unusable
from bookings.operations.backup.postgres import Postgres
from bookings.operations.backup.sqlite import Sqlite


class Store(Protocol):
    """How a kind of database gives its data away, and takes it back."""

    file: str
    name: str

    def snapshot(self) -> AbstractContextManager[None]:
        """Within, all that is read and dumped is of one moment, while others write."""
        ...

    def dump(self, path: Path) -> None: ...

    def require_restorable(self, manifest: Manifest) -> None: ...

    def restored(self, path: Path) -> AbstractContextManager[None]:
        """Within, the backup's data is the database for this process alone; kept where it ends well, and gone where not."""
        ...


KINDS: Final[dict[str, type[Store]]] = {"sqlite": Sqlite, "postgresql": Postgres}


def store() -> Store:
    """That of the database in the settings."""
    return KINDS[connection.vendor]()


def require_same_kind(manifest: Manifest) -> None:
    """Raises Unusable: a backup goes back into the kind of database that it came from."""
    if manifest.database != connection.vendor:
        made_of, here = (KINDS[kind].name for kind in (manifest.database, connection.vendor))
        raise Unusable(
            f"This is a backup of {made_of}, and DATABASE_URL names {here}. Name an empty {made_of} database."
        )
