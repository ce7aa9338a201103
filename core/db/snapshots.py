"""Transactions that read a consistent snapshot of the database while others write."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def snapshot() -> Iterator[None]:
    """Read a consistent snapshot inside the block, without blocking writers. Inside a transaction it changes nothing."""
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
    """A transaction of SQLite that takes no lock before it writes. IMMEDIATE, the default here, would block all writers."""
    connection.ensure_connection()  # sets the mode from the settings
    usual, connection.transaction_mode = connection.transaction_mode, None  # type: ignore[attr-defined]
    try:
        with transaction.atomic():
            yield
    finally:
        connection.transaction_mode = usual  # type: ignore[attr-defined]
