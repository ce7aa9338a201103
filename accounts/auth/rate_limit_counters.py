"""Where hits are counted, exactly over all processes. The counts are no data to keep, and wait for no disk.

On PostgreSQL they stand in an unlogged table, on SQLite in a file of their own, so that nobody waits behind an import; in Redis
where `REDIS_URL` names one, for as long as it answers.
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
_COUNT: Final = (
    f"INSERT INTO {TABLE} (key, ends, hits) VALUES (%s, %s, %s) "  # noqa: S608
    f"ON CONFLICT (key, ends) DO UPDATE SET hits = {TABLE}.hits + excluded.hits RETURNING hits"
)
_FORGET: Final = f"DELETE FROM {TABLE} WHERE ends < %s RETURNING hits"  # noqa: S608
_FORGET_EVERY_SECONDS: Final = 60
_LOCK_TIMEOUT_SECONDS: Final = 20
_PAUSE_SECONDS: Final = 0.05
_REDIS_TIMEOUT_SECONDS: Final = 0.5
_WITHOUT_REDIS_SECONDS: Final = 10
"""For how long a Redis that does not answer is asked nothing: nobody shall wait for it again and again."""


def add(key: str, ends: int, hits: int) -> int:
    """Count so many for a key in the window that ends at this second, and return how many there are now; 0 hits only looks.

    While Redis is away the database counts, from nothing; while its disk is full, each process.
    """
    if settings.REDIS_URL and time.monotonic() >= _redis_rests.until:
        try:
            return _in_redis(key, ends, hits)
        except StorageError as error:
            _redis_rests.until = time.monotonic() + _WITHOUT_REDIS_SECONDS
            log.warning(
                "Redis does not answer (%s): the database counts meanwhile.", type(error.__cause__ or error).__name__
            )
    try:
        [(total,)] = _execute(_COUNT, (key, ends, hits))
    except OperationalError as error:
        if not is_disk_full(error):
            raise
        metrics.count_database_error(error)
        return _in_memory.add(key, ends, hits)
    _forget_now_and_then()
    return int(total)


class _InMemory:
    """Counts of this process alone, while no other place has room: who reads goes on, and limits still hold."""

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


def _in_redis(key: str, ends: int, hits: int) -> int:
    name = f"{key}:{ends}"
    if hits == 0:
        return _redis(settings.REDIS_URL).get(name)
    return _redis(settings.REDIS_URL).incr(name, max(1, math.ceil(ends - time.time()) + 1), amount=hits)


@cache
def _redis(url: str) -> RedisStorage:
    import redis  # noqa: F401 - whole, before `limits` looks for its version: another thread may be in the middle of it

    return RedisStorage(
        url,
        wrap_exceptions=True,
        key_prefix="stationbook",
        socket_timeout=_REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=_REDIS_TIMEOUT_SECONDS,
    )


class _Rest:
    until = -math.inf


_redis_rests = _Rest()


def forget(before: float) -> None:
    """Drop the counts of windows that ended before this time (seconds since 1970)."""
    _execute(_FORGET, (math.ceil(before),))


class _Housekeeping(threading.local):
    due = 0.0


_housekeeping = _Housekeeping()


def _forget_now_and_then() -> None:
    now = time.monotonic()
    if now >= _housekeeping.due:
        _housekeeping.due = now + _FORGET_EVERY_SECONDS
        with metrics.ignore_disk_full():
            forget(time.time())


def _execute(sql: str, values: Sequence[Any]) -> list[Any]:
    if connection.vendor == "sqlite":
        try:
            return _file().execute(sql.replace("%s", "?"), values).fetchall()
        except sqlite3.Error as error:  # told like the database's own, so that callers hear “unavailable”
            raise OperationalError(*error.args) from error
    return statements.fetch(sql, values)


class _File:
    """A connection to the file of counters that stands beside the database's own; closed with its thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = sqlite3.connect(
            path, timeout=_LOCK_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._prepare()

    def _prepare(self) -> None:
        """Several may make the file at once; to be told that it is locked while it changes to WAL is no failure."""
        give_up = time.monotonic() + _LOCK_TIMEOUT_SECONDS
        while True:
            try:
                self.connection.execute("PRAGMA journal_mode=WAL")
                self.connection.execute("PRAGMA synchronous=OFF")
                self.connection.execute(_CREATE)
            except sqlite3.OperationalError as error:
                if time.monotonic() > give_up or error.sqlite_errorcode in SQLITE_CODES:
                    raise
                time.sleep(_PAUSE_SECONDS)
            else:
                return

    def __del__(self) -> None:
        if opened := getattr(self, "connection", None):  # there is none where the file could not be opened
            opened.close()


class _OfThread(threading.local):
    file: _File | None = None


_of_thread = _OfThread()


def _file() -> sqlite3.Connection:
    database = Path(connection.settings_dict["NAME"])
    path = database.with_name(f"{database.stem}.counters.sqlite3")
    if _of_thread.file is None or _of_thread.file.path != path:
        _of_thread.file = _File(path)
    return _of_thread.file.connection
