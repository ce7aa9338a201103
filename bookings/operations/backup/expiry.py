"""Expiry of backups: those of a folder that are older than a number of days are deleted."""

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bookings.operations.backup import atomic_folder
from bookings.operations.backup.manifest import Unusable

NAME: Final = re.compile(rf"{atomic_folder.BACKUP}(\d{{8}}T\d{{6}}Z)(?!.*{re.escape(atomic_folder.UNFINISHED)}$).*")
KEPT: Final = 3
"""How many of the newest stay however old they are: a clock that is wrong must not delete all."""


def expire(folder: Path, *, keep_days: int, now: datetime) -> list[Path]:
    """Delete the backups in `folder` that were made more than `keep_days` before `now`, and return which.

    The time is that in the name, which a copied file keeps. Raises Unusable for one that cannot be deleted.
    """
    found = sorted((_made_at(name[1]), path) for path in folder.iterdir() if (name := NAME.fullmatch(path.name)))
    expired = [path for made_at, path in found[:-KEPT] if made_at < now - timedelta(days=keep_days)]
    for path in expired:
        try:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        except OSError as error:
            raise Unusable(f"{path} has expired and cannot be deleted: {error.strerror}.") from error
    return expired


def _made_at(name: str) -> datetime:
    return datetime.strptime(name, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
