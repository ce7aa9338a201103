"""Named PostgreSQL advisory locks, held until the transaction ends. SQLite needs none: it has one writer at a time."""

import hashlib

from django.db import connection


def lock(*names: str) -> None:
    """Take these locks, waiting for each. They are taken in a fixed order, so that two callers never deadlock."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for key in sorted(map(_key, names)):
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def try_lock(name: str) -> bool:
    """Take the lock if it is free, without waiting. Returns whether it is held now."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_key(name)])
        [is_held] = cursor.fetchone()
    return bool(is_held)


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
