"""Tells a full disk from other failures of the database."""

import sqlite3
import time
from typing import Final

from django.db import Error

SQLITE_CODES: Final = frozenset((sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE))
POSTGRESQL_CODE: Final = "53100"
"""disk_full, of PostgreSQL's appendix A."""
RECENT_SECONDS: Final = 60.0

_last_seen: float | None = None


def is_disk_full(error: BaseException | None) -> bool:
    """Whether the database, or the file of counters beside it, had no room left. Nothing of its transaction was saved then."""
    cause = error.__cause__ if isinstance(error, Error) else None
    return (
        getattr(cause, "sqlite_errorcode", None) in SQLITE_CODES or getattr(cause, "sqlstate", None) == POSTGRESQL_CODE
    )


def note() -> None:
    """Remember that it was full just now, for `was_seen_recently`."""
    global _last_seen
    _last_seen = time.monotonic()


def was_seen_recently() -> bool:
    """By this process, within the last minute."""
    return _last_seen is not None and time.monotonic() - _last_seen < RECENT_SECONDS
