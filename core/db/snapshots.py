"""Reading all of the database as it was at one moment, while others write."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def snapshot() -> Iterator[None]:
    """Within, all that is read is of one moment, and nobody who writes is kept waiting. Part of a transaction that is open, it
    is as that one is."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with _deferred():
            yield
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


@contextmanager
def _deferred() -> Iterator[None]:
    """A transaction of SQLite's that takes no lock until it writes: IMMEDIATE, which writers use, would keep them all waiting."""
    connection.ensure_connection()  # which sets the mode from the settings
    usual, connection.transaction_mode = connection.transaction_mode, None  # type: ignore[attr-defined]
    try:
        with transaction.atomic():
            yield
    finally:
        connection.transaction_mode = usual  # type: ignore[attr-defined]
