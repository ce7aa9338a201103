"""A lock that lets only one process at a time migrate a database, across machines for PostgreSQL."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

ADVISORY_KEY: Final = 0x53746174696F6E62
"""“Stationb” in ASCII: an arbitrary number that other programs in this database are unlikely to use."""
POLL_SECONDS: Final = 0.2


@contextmanager
def migration_lock(connection: BaseDatabaseWrapper, on_wait: Callable[[], object]) -> Iterator[None]:
    """Hold the lock of that connection's database. `on_wait` is called once if another process holds it.

    The lock is released if its process dies. An in-memory database needs none: no other process can open it.
    """
    if connection.vendor == "postgresql":
        with _advisory_lock(connection, on_wait):
            yield
    elif connection.is_in_memory_db():  # type: ignore[attr-defined]
        yield
    else:
        with _file_lock(lock_file(connection), on_wait):
            yield


def lock_file(connection: BaseDatabaseWrapper) -> Path:
    """A file next to the database file, which itself cannot be used: closing it would drop SQLite's locks in this process."""
    database = Path(connection.settings_dict["NAME"])
    return database.with_name(f"{database.name}.migrate.lock")


@contextmanager
def _advisory_lock(connection: BaseDatabaseWrapper, on_wait: Callable[[], object]) -> Iterator[None]:
    """Hold the lock in a transaction on a separate connection: that works with PgBouncer, and migrations cannot end it."""
    with closing(connection.copy()) as own:
        own.set_autocommit(False)
        _poll(lambda: _take_advisory_lock(own), on_wait)
        yield
        own.rollback()


def _take_advisory_lock(connection: BaseDatabaseWrapper) -> bool:
    """Try to take the lock without waiting. A waiting statement would hold a snapshot, and CREATE INDEX CONCURRENTLY in the
    process that has the lock would wait for that snapshot forever."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ADVISORY_KEY])
        [is_taken] = cursor.fetchone()
        if is_taken:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    if not is_taken:
        connection.rollback()
    return bool(is_taken)


@contextmanager
def _file_lock(path: Path, on_wait: Callable[[], object]) -> Iterator[None]:
    with path.open("ab") as file:
        _poll(lambda: _take_file_lock(file.fileno()), on_wait)
        yield


def _take_file_lock(fd: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _poll(take: Callable[[], bool], on_wait: Callable[[], object]) -> None:
    if take():
        return
    on_wait()
    while not take():
        time.sleep(POLL_SECONDS)
