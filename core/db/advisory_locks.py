"""PostgreSQL's advisory locks, by name, until the transaction ends. SQLite has one writer at a time, and nothing to lock."""

import hashlib

from django.db import connection


def lock(*names: str) -> None:
    """Wait for whoever holds any of these. All who lock several do so in the same order, and so never wait for each other."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for key in sorted(map(_key, names)):
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def try_lock(name: str) -> bool:
    """Whether the lock was free, and is held from now on."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_key(name)])
        [is_held] = cursor.fetchone()
    return bool(is_held)


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
