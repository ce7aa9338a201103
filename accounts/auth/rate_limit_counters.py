"""Counters of the rate limits, exact across all processes. They are not backed up, and do not wait for the disk.

On PostgreSQL they are an unlogged table, on SQLite a file of its own, so that they do not wait for other writers. If `REDIS_URL`
is set, Redis counts as long as it responds.
"""

import logging
import math
import sqlite3
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import OperationalError, connection
from limits.errors import StorageError
from limits.storage import RedisStorage

from core import metrics
from core.db import sql as statements
from core.db.disk_full import SQLITE_CODES, is_disk_full

log = logging.getLogger(__name__)

TABLE: Final = "accounts_request_count"
_CREATE: Final = f"""CREATE TABLE IF NOT EXISTS {TABLE}
    (key text NOT NULL, ends int NOT NULL, hits int NOT NULL, PRIMARY KEY (key, ends)) WITHOUT ROWID"""
_ADD: Final = (
    f"INSERT INTO {TABLE} (key, ends, hits) VALUES (%s, %s, %s) "  # noqa: S608
    f"ON CONFLICT (key, ends) DO UPDATE SET hits = {TABLE}.hits + excluded.hits RETURNING hits"
)
_DELETE_EXPIRED: Final = f"DELETE FROM {TABLE} WHERE ends < %s RETURNING hits"  # noqa: S608
_DELETE_INTERVAL_SECONDS: Final = 60
_LOCK_TIMEOUT_SECONDS: Final = 20
_RETRY_SECONDS: Final = 0.05
_REDIS_TIMEOUT_SECONDS: Final = 0.5
_REDIS_PAUSE_SECONDS: Final = 10
"""How long Redis is not used after it failed to respond, so that requests do not wait for it again and again."""


def add(key: str, ends: int, hits: int) -> int:
    """Add hits to a key in the window that ends at this second, and return the total; with 0 hits, only return it.

    While Redis does not respond, the database counts, starting from zero; while its disk is full, each process does.
    """
    if settings.REDIS_URL and time.monotonic() >= _redis_pause.until:
        try:
            return _add_in_redis(key, ends, hits)
        except StorageError as error:
            _redis_pause.until = time.monotonic() + _REDIS_PAUSE_SECONDS
            log.warning(
                "Redis does not answer (%s): the database counts meanwhile.", type(error.__cause__ or error).__name__
            )
    try:
        [(total,)] = _execute(_ADD, (key, ends, hits))
    except OperationalError as error:
        if not is_disk_full(error):
            raise
        metrics.count_database_error(error)
        return _in_memory.add(key, ends, hits)
    _delete_expired_periodically()
    return int(total)


class _InMemory:
    """Counts of this process alone, for while the disk is full: reads go on, and limits still apply."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, int], int] = {}

    def add(self, key: str, ends: int, hits: int) -> int:
        with self._lock:
            total = self._counts.get((key, ends), 0) + hits
            self._counts = {kept: count for kept, count in self._counts.items() if kept[1] > time.time()}
            self._counts[key, ends] = total
            return total


_in_memory = _InMemory()


def _add_in_redis(key: str, ends: int, hits: int) -> int:
    name = f"{key}:{ends}"
    if hits == 0:
        return _redis(settings.REDIS_URL).get(name)
    return _redis(settings.REDIS_URL).incr(name, max(1, math.ceil(ends - time.time()) + 1), amount=hits)


@cache
def _redis(url: str) -> RedisStorage:
    import redis  # noqa: F401 - imported whole before `limits` reads its version: another thread may be importing it

    return RedisStorage(
        url,
        wrap_exceptions=True,
        key_prefix="stationbook",
        socket_timeout=_REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=_REDIS_TIMEOUT_SECONDS,
    )


class _RedisPause:
    until = -math.inf


_redis_pause = _RedisPause()


def delete_expired(before: float) -> None:
    """Delete the counts of windows that ended before this time (seconds since 1970)."""
    _execute(_DELETE_EXPIRED, (math.ceil(before),))


class _NextDeletion(threading.local):
    due = 0.0


_next_deletion = _NextDeletion()


def _delete_expired_periodically() -> None:
    now = time.monotonic()
    if now >= _next_deletion.due:
        _next_deletion.due = now + _DELETE_INTERVAL_SECONDS
        with metrics.ignore_disk_full():
            delete_expired(time.time())


def _execute(sql: str, values: Sequence[Any]) -> list[Any]:
    if connection.vendor == "sqlite":
        try:
            return _file().execute(sql.replace("%s", "?"), values).fetchall()
        except sqlite3.Error as error:  # raised as Django's, which callers handle as “unavailable”
            raise OperationalError(*error.args) from error
    return statements.fetch(sql, values)


class _File:
    """A connection to the file of counters next to the database's file; closed with its thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = sqlite3.connect(
            path, timeout=_LOCK_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._prepare()

    def _prepare(self) -> None:
        """Create the table. Retries while another process creates the file, which is locked while it changes to WAL."""
        deadline = time.monotonic() + _LOCK_TIMEOUT_SECONDS
        while True:
            try:
                self.connection.execute("PRAGMA journal_mode=WAL")
                self.connection.execute("PRAGMA synchronous=OFF")
                self.connection.execute(_CREATE)
            except sqlite3.OperationalError as error:
                if time.monotonic() > deadline or error.sqlite_errorcode in SQLITE_CODES:
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def __del__(self) -> None:
        if opened := getattr(self, "connection", None):  # missing if the file could not be opened
            opened.close()


class _ThreadLocal(threading.local):
    file: _File | None = None


_thread_local = _ThreadLocal()


def _file() -> sqlite3.Connection:
    database = Path(connection.settings_dict["NAME"])
    path = database.with_name(f"{database.stem}.counters.sqlite3")
    if _thread_local.file is None or _thread_local.file.path != path:
        _thread_local.file = _File(path)
    return _thread_local.file.connection
