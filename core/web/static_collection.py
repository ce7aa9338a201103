"""Runs collectstatic only if static files have changed, because hashing and compressing them takes seconds."""

import hashlib
from pathlib import Path
from typing import Final

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

STAMP_SUFFIX: Final = ".collected"
"""Suffix of the stamp, a file next to the folder: everything inside the folder is served."""


def collect_if_changed() -> bool:
    """Collect static files if they have changed. Returns whether they had."""
    folder = Path(settings.STATIC_ROOT)
    stamp = folder.with_name(f"{folder.name}{STAMP_SUFFIX}")
    digest = _digest()
    if folder.is_dir() and stamp.is_file() and stamp.read_text() == digest:
        return False
    stamp.unlink(missing_ok=True)  # an interrupted run must not leave a valid stamp
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(digest)
    return True


def _digest() -> str:
    """Digest of the storage settings and of each file's name, size and modification time."""
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: found[0]):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
