"""Deletes backups in a folder that are older than a number of days."""

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bookings.operations.backup import atomic_folder
from bookings.operations.backup.manifest import BackupError

NAME: Final = re.compile(rf"{atomic_folder.BACKUP}(\d{{8}}T\d{{6}}Z)(?!.*{re.escape(atomic_folder.UNFINISHED)}$).*")
MIN_KEPT: Final = 3
"""The newest backups, kept at any age so that a wrong clock cannot delete them all."""


def expire(folder: Path, *, keep_days: int, now: datetime) -> list[Path]:
    """Delete the backups in `folder` that were made more than `keep_days` before `now`. Returns their paths.

    The time is taken from the name, because a copied file has a new modification time. Raises BackupError if one cannot be
    deleted.
    """
    found = sorted((_made_at(name[1]), path) for path in folder.iterdir() if (name := NAME.fullmatch(path.name)))
    expired = [path for made_at, path in found[:-MIN_KEPT] if made_at < now - timedelta(days=keep_days)]
    for path in expired:
        try:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        except OSError as error:
            raise BackupError(f"{path} has expired and cannot be deleted: {error.strerror}.") from error
    return expired


def _made_at(name: str) -> datetime:
    return datetime.strptime(name, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
