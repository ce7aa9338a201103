"""A backup: the data of one moment, a manifest that proves it, and the list of erasures, in a folder that is whole or not there.

What is ciphertext in the database is ciphertext in the backup; no key is needed to make it but that of the audit trail, which
seals the manifest.
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
from bookings.operations.backup import atomic_folder, encrypted_archive, inventory, manifest
from bookings.operations.backup.databases import store
from bookings.operations.backup.manifest import Manifest, Unusable
from bookings.privacy import erasure
from core import error_text

log = logging.getLogger(__name__)

ERASURES: Final = "erasures"


def back_up(place: Path, *, recipients: Sequence[Recipient] = ()) -> tuple[Path, Manifest]:
    """Into `place`, or with a name of its own into the folder that is there; where it is, and what it says of itself.

    With recipients it is one file that only their private keys open, otherwise a folder. Raises Unusable, and has left
    nothing then.
    """
    place = place.resolve()
    if place.is_dir():
        place /= named_for(timezone.now(), is_encrypted=bool(recipients))
    try:
        said = _write_encrypted(place, recipients) if recipients else _write_folder(place)
    except (OSError, sqlite3.Error, Error, EncryptError) as error:
        raise Unusable(f"No backup was made: {str(error).strip().splitlines()[0]}. What was begun is gone.") from error
    _record(datetime.fromisoformat(said.made_at))
    return place, said


def _record(made_at: datetime) -> None:
    """For whoever watches the age of the last backup. The backup is as good where the database cannot take note of it."""
    try:
        BackupRecord.objects.update_or_create(pk=BackupRecord.KEY, defaults={"made_at": made_at})
    except Error as error:
        log.warning(
            "The backup was made, but the database could not take note of it: %s.", error_text.describe_error(error)
        )


def named_for(moment: datetime, *, is_encrypted: bool) -> str:
    return f"{atomic_folder.BACKUP}{moment:%Y%m%dT%H%M%SZ}{encrypted_archive.SUFFIX if is_encrypted else ''}"


def _write_folder(place: Path) -> Manifest:
    with atomic_folder.whole_folder(place) as folder:
        return _write(folder)


def _write_encrypted(place: Path, recipients: Sequence[Recipient]) -> Manifest:
    with atomic_folder.whole_file(place) as (folder, file):
        said = _write(folder)
        encrypted_archive.encrypt(folder, file, recipients)
        return said


def _write(folder: Path) -> Manifest:
    from_here = store()
    with from_here.snapshot():
        said = inventory.taken()
        erasures = "".join(stone.line() for stone in erasure.tombstones())
        from_here.dump(folder / from_here.file)
    said = said.with_files(folder / from_here.file, atomic_folder.write(folder / ERASURES, erasures))
    atomic_folder.write(folder / manifest.NAME, said.as_json())
    return said
