"""Makes a backup: a consistent snapshot of the data, a signed manifest and the list of erasures, written atomically.

Encrypted values stay encrypted in the backup. Making one needs no key except the audit key, which signs the manifest.
"""

import logging
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from django.db import Error
from django.utils import timezone
from pyrage import EncryptError
from pyrage.x25519 import Recipient

from bookings.models import BackupRecord
from bookings.operations.backup import atomic_folder, encrypted_archive, inventory
from bookings.operations.backup import manifest as manifests
from bookings.operations.backup.databases import database_backend
from bookings.operations.backup.manifest import BackupError, Manifest
from bookings.privacy import erasure
from core import error_text

log = logging.getLogger(__name__)

ERASURES: Final = "erasures"


def back_up(target: Path, *, recipients: Sequence[Recipient] = ()) -> tuple[Path, Manifest]:
    """Write a backup to `target` or, if that is a folder, into it under a generated name. Returns its path and manifest.

    With `recipients` it is one file encrypted to their public keys, otherwise a folder. Raises BackupError, and leaves no
    files then.
    """
    target = target.resolve()
    if target.is_dir():
        target /= named_for(timezone.now(), is_encrypted=bool(recipients))
    try:
        manifest = _write_encrypted(target, recipients) if recipients else _write_folder(target)
    except (OSError, sqlite3.Error, Error, EncryptError) as error:
        raise BackupError(
            f"No backup was made: {str(error).strip().splitlines()[0]}. What was begun is gone."
        ) from error
    _record(datetime.fromisoformat(manifest.made_at))
    return target, manifest


def _record(made_at: datetime) -> None:
    """Save the time of the backup for monitoring. A failure is only logged: the backup itself is complete."""
    try:
        BackupRecord.objects.update_or_create(pk=BackupRecord.KEY, defaults={"made_at": made_at})
    except Error as error:
        log.warning(
            "The backup was made, but the database could not take note of it: %s.", error_text.describe_error(error)
        )


def named_for(moment: datetime, *, is_encrypted: bool) -> str:
    return f"{atomic_folder.BACKUP}{moment:%Y%m%dT%H%M%SZ}{encrypted_archive.SUFFIX if is_encrypted else ''}"


def _write_folder(target: Path) -> Manifest:
    with atomic_folder.new_folder(target) as folder:
        return _write(folder)


def _write_encrypted(target: Path, recipients: Sequence[Recipient]) -> Manifest:
    with atomic_folder.new_file(target) as (folder, file):
        manifest = _write(folder)
        encrypted_archive.encrypt(folder, file, recipients)
        return manifest


def _write(folder: Path) -> Manifest:
    source = database_backend()
    with source.snapshot():
        manifest = inventory.take()
        erasures = "".join(record.to_line() for record in erasure.erasure_records())
        source.dump(folder / source.file)
    manifest = manifest.with_files(folder / source.file, atomic_folder.write(folder / ERASURES, erasures))
    atomic_folder.write(folder / manifests.NAME, manifest.as_json())
    return manifest
