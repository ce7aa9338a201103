"""Writes a backup under a temporary name, readable by its owner only, and renames it when all of it is on the disk."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from bookings.operations.backup.manifest import BackupError

UNFINISHED: Final = ".unfinished"
BACKUP: Final = "stationbook-"


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield a folder to write into, which is renamed to `target` at the end. An error leaves no files."""
    with _unfinished(target) as partial:
        yield partial
        for path in (*partial.iterdir(), partial):
            fsync(path)
        partial.rename(target)
        fsync(target.parent)


@contextmanager
def new_file(target: Path) -> Iterator[tuple[Path, Path]]:
    """Yield a folder for temporary files and a file to write, which is renamed to `target`. An error leaves no files."""
    with _unfinished(target) as partial:
        folder, file = partial / "data", create_private(partial / "file")
        folder.mkdir(mode=0o700)
        yield folder, file
        fsync(file)
        file.rename(target)
        fsync(target.parent)
        shutil.rmtree(partial)


@contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """Yield a folder under a temporary name next to `target`, locked against `_delete_abandoned`. An error deletes it."""
    if target.exists():
        raise BackupError(
            f"{target} exists already. Name a backup that does not exist yet, or a folder to put one into."
        )
    if not target.parent.is_dir():
        raise BackupError(f"There is no folder {target.parent}. Make it first, on a disk of its own if you can.")
    _delete_abandoned(target.parent)
    partial = target.with_name(f"{target.name}{UNFINISHED}")
    partial.mkdir(mode=0o700)
    held = os.open(partial, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    finally:
        os.close(held)


def _delete_abandoned(folder: Path) -> None:
    """Delete what killed backups have left: nobody holds a lock on it."""
    for left in folder.glob(f"*{UNFINISHED}"):
        with suppress(OSError):
            held = os.open(left, os.O_RDONLY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left)
            finally:
                os.close(held)


def create_private(path: Path) -> Path:
    """Create an empty file that only its owner may read."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    return path


def write(path: Path, text: str) -> Path:
    create_private(path).write_text(text)
    return path


def fsync(path: Path) -> None:
    """Flush a file, or the list of names of a folder, to the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
