"""Verifies that what was restored is what was backed up, and that it is sound."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from django.db.migrations.loader import MigrationLoader

from accounts.audit import verification
from accounts.encryption import DecryptionError, EncryptedTextField
from accounts.key_management.keyrings import RINGS, models_with_columns
from bookings.operations.backup import inventory
from bookings.operations.backup.manifest import BackupError, Manifest
from bookings.services import verification as verifying

MAX_NAMED: Final = 10
BATCH_SIZE: Final = 1_000


def require_this_release(manifest: Manifest, what: str = "The backup", use: str = "Restore it") -> None:
    """Raises BackupError if the code has other migrations than the backup.

    The message calls the backup `what`, and advises to `use` it with its own release.
    """
    disk = set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
    theirs = {(app, name) for app, names in manifest.migrations.items() for name in names}
    apps = {app for app, _name in disk}
    for there, who, way in (
        (theirs - disk, "a newer", f"{use} with that release."),
        (disk - theirs, "an older", f"{use} with that release, then upgrade."),
    ):
        if named := sorted(f"{app}.{name}" for app, name in there if app in apps or who == "a newer"):
            raise BackupError(f"{what} was made by {who} release, which differs by {', '.join(named)}. {way}")


def missing_keys(manifest: Manifest) -> Iterator[str]:
    """A sentence for each ring of keys that lacks some that the backup needs."""
    for name, ids in manifest.keys.items():
        ring = RINGS[name]
        if lacking := sorted(set(ids) - {key.hex() for key in ring.ids}):
            yield f"{ring.variable} lacks {', '.join(lacking)}, which the backup needs. Put back the keys of when it was made."


def require_same_contents(manifest: Manifest) -> None:
    """Raises BackupError unless row counts, audit chains and checkpoint are those of the manifest."""
    rows = inventory.rows()
    for table in sorted({*rows, *manifest.rows}):
        here, there = rows.get(table, 0), manifest.rows.get(table, 0)
        if here != there:
            raise BackupError(f"{table} has {here} rows, and the manifest says {there}. Use another backup.")
    if (chains := inventory.chains()) != list(manifest.chains):
        differing = next(one for one in [*manifest.chains, *chains] if one not in chains or one not in manifest.chains)
        where = f"station {differing['station']}" if differing["station"] else "no station"
        raise BackupError(f"The audit trail of {where} does not end where the manifest says. Use another backup.")
    if manifest.checkpoint and inventory.checkpoint() != manifest.checkpoint:
        raise BackupError(
            "The audit log's newest checkpoint is not the one that the manifest names. Use another backup."
        )


def faults() -> Iterator[str]:
    """Faults in the data itself, which may be older than the backup."""
    yield from _first(str(fault) for fault in verification.faults())
    yield from _first(f"{difference}." for difference in verifying.differences())
    yield from _first(_unreadable())


def _first(found: Iterable[str]) -> Iterator[str]:
    yield from islice(found, MAX_NAMED)


def _unreadable() -> Iterator[str]:
    """A sentence for each encrypted column that has an unreadable value."""
    for model, fields in models_with_columns(EncryptedTextField):
        for field in fields:
            filled = model._base_manager.exclude(**{f"{field.name}__isnull": True}).order_by()
            try:
                for _value in filled.values_list(field.name).iterator(BATCH_SIZE):
                    pass
            except DecryptionError as error:
                yield f"{error}."
