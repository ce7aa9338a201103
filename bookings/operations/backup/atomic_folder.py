"""Where a backup is written: under a temporary name, for nobody else's eyes, and named when all of it is on the disk."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from bookings.operations.backup.manifest import Unusable

UNFINISHED: Final = ".unfinished"
BACKUP: Final = "stationbook-"


@contextmanager
def whole_folder(place: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `place` when all of it is on the disk; whatever goes wrong leaves nothing."""
    with _unfinished(place) as partial:
        yield partial
        for path in (*partial.iterdir(), partial):
            sync(path)
        partial.rename(place)
        sync(place.parent)


@contextmanager
def whole_file(place: Path) -> Iterator[tuple[Path, Path]]:
    """A folder to prepare files in, which is deleted, and a file to write, which becomes `place` as in `whole_folder`."""
    with _unfinished(place) as partial:
        folder, file = partial / "data", private(partial / "file")
        folder.mkdir(mode=0o700)
        yield folder, file
        sync(file)
        file.rename(place)
        sync(place.parent)
        shutil.rmtree(partial)


@contextmanager
def _unfinished(place: Path) -> Iterator[Path]:
    """A folder under a temporary name beside `place`, locked against `_sweep`; deleted where anything goes wrong."""
    if place.exists():
        raise Unusable(f"{place} exists already. Name a backup that does not exist yet, or a folder to put one into.")
    if not place.parent.is_dir():
        raise Unusable(f"There is no folder {place.parent}. Make it first, on a disk of its own if you can.")
    _sweep(place.parent)
    partial = place.with_name(f"{place.name}{UNFINISHED}")
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


def _sweep(folder: Path) -> None:
    """Take away what backups left that were killed: nobody holds it any more."""
    for left in folder.glob(f"*{UNFINISHED}"):
        with suppress(OSError):
            held = os.open(left, os.O_RDONLY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left)
            finally:
                os.close(held)


def private(path: Path) -> Path:
    """An empty file that its owner alone may read."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    return path


def write(path: Path, text: str) -> Path:
    private(path).write_text(text)
    return path


def sync(path: Path) -> None:
    """On the disk, not only on its way there. A folder's own file is the list of its names."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
