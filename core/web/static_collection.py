"""Collects static files where they have changed since the last time: to hash and compress them takes seconds."""

import hashlib
from pathlib import Path
from typing import Final

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

STAMP_SUFFIX: Final = ".collected"
"""Of a file beside the folder: whatever is in it is served."""


def collect_if_changed() -> bool:
    """Whether there was something to collect."""
    folder = Path(settings.STATIC_ROOT)
    stamp = folder.with_name(f"{folder.name}{STAMP_SUFFIX}")
    digest = _digest()
    if folder.is_dir() and stamp.is_file() and stamp.read_text() == digest:
        return False
    stamp.unlink(missing_ok=True)  # no stamp beside files that are half collected
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(digest)
    return True


def _digest() -> str:
    """Of how they are stored, and of every file's name, size and time of change."""
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: found[0]):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
