"""How often: requests of each user, and failed log-ins, counted exactly over all processes in fixed windows.

The counters are no data to keep: on PostgreSQL an unlogged table, whose commits wait for no disk; on SQLite a
file of their own, so that nobody waits behind an import.
"""

import hmac
import math
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

TABLE: Final = "accounts_request_count"
_CREATE: Final = f"""CREATE TABLE IF NOT EXISTS {TABLE}
    (key text NOT NULL, ends int NOT NULL, hits int NOT NULL, PRIMARY KEY (key, ends)) WITHOUT ROWID"""
_COUNT: Final = (
    f"INSERT INTO {TABLE} (key, ends, hits) VALUES (%s, %s, %s) "  # noqa: S608
    f"ON CONFLICT (key, ends) DO UPDATE SET hits = {TABLE}.hits + excluded.hits RETURNING hits"
)
_FORGET: Final = f"DELETE FROM {TABLE} WHERE ends < %s RETURNING hits"  # noqa: S608
_FORGET_EVERY_SECONDS: Final = 60
_PERIODS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LOCK_TIMEOUT_SECONDS: Final = 20


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in a window of so many seconds; windows begin at multiples of their length since 1970."""

    limit: int
    seconds: int

    @classmethod
    @cache
    def parse(cls, text: str) -> Self:
        """From `100/minute`; the period is told by its first letter. Raises ImproperlyConfigured."""
        limit, _slash, period = text.partition("/")
        try:
            return cls(int(limit), _PERIODS[period.strip()[:1]])
        except (ValueError, KeyError):
            raise ImproperlyConfigured(f"{text!r} is no rate. Write one such as 100/minute.") from None

    def window(self) -> "Window":
        return Window(self, math.floor(time.time() / self.seconds + 1) * self.seconds)


@dataclass(frozen=True, slots=True)
class Window:
    """One window of a rate, known by the second at which it ends."""

    rate: Rate
    ends: int

    def add(self, key: str, hits: int) -> int:
        """Count, and return how many there are now; 0 hits only looks."""
        [(total,)] = _execute(_COUNT, (f"{self.rate.seconds}:{key}", self.ends, hits))
        _forget_now_and_then()
        return int(total)

    def wait(self) -> int:
        """Whole seconds until the next window, at least one."""
        return max(1, math.ceil(self.ends - time.time()))


class EachUser(BaseThrottle):
    """So many requests of one user under `/api/` in a window (`RATE_LIMIT`)."""

    waiting: float | None = None

    def allow_request(self, request: "Request", view: "APIView") -> bool:
        if not request.user.is_authenticated:
            return True
        window = Rate.parse(settings.RATE_LIMIT).window()
        if window.add(f"user:{request.user.pk}", 1) <= window.rate.limit:
            return True
        self.waiting = window.wait()
        return False

    def wait(self) -> float | None:
        return self.waiting


class TooManyFailures(Exception):
    """This account, or this address, has failed to sign in too often; `wait` is in whole seconds."""

    def __init__(self, wait: int) -> None:
        self.wait = wait
        super().__init__(wait)


@dataclass(slots=True)
class Attempt:
    """A try to sign in. Whoever looks at the password says whether it was right."""

    succeeded: bool = False


_QUEUE_TRIES: Final = 60
_QUEUE_PAUSE_SECONDS: Final = 0.05


@contextmanager
def login_attempt(email: str, address: str | None) -> Iterator[Attempt]:
    """Around one look at a password. Raises TooManyFailures before it, where `LOGIN_RATE_LIMIT` is reached.

    Failures count, by account and by address. No more passwords are looked at together than may yet fail, so
    that a burst gets no more guesses than a queue does; whoever is right waits for the others and is let in.
    """
    window = Rate.parse(settings.LOGIN_RATE_LIMIT).window()
    keys = _login_keys(email, address)
    _enter(window, keys)
    attempt = Attempt()
    try:
        yield attempt
    finally:
        for key in keys:
            if attempt.succeeded:
                window.add(f"try:{key}", -1)
            else:
                window.add(f"fail:{key}", 1)


def _enter(window: Window, keys: Sequence[str]) -> None:
    """Count a try, once there is room: tries are the failures so far and those that are under way."""
    limit = window.rate.limit
    for _turn in range(_QUEUE_TRIES):
        if any(window.add(f"fail:{key}", 0) >= limit for key in keys):
            break
        if max([window.add(f"try:{key}", 1) for key in keys]) <= limit:
            return
        for key in keys:
            window.add(f"try:{key}", -1)
        time.sleep(_QUEUE_PAUSE_SECONDS)
    raise TooManyFailures(window.wait())


def _login_keys(email: str, address: str | None) -> list[str]:
    """Keyed hashes, for an e-mail and an address are personal. Callers without an address do not share one."""
    named = [f"account {email.strip().lower()}", *([f"address {network(address)}"] if address else [])]
    return [hashed(f"log-in {one}") for one in named]


def hashed(name: str) -> str:
    """What a counter is called that counts by something personal."""
    return hmac.digest(settings.SECRET_KEY.encode(), name.encode(errors="replace"), "sha256").hex()[:32]


def network(address: str) -> str:
    """Whoever has one IPv6 address has the 2^64 beside it."""
    found = ip_address(address)
    return str(found if found.version == 4 else ip_network((found, 64), strict=False))


def forget(before: float) -> None:
    """Drop the counts of windows that ended before this time (seconds since 1970)."""
    _execute(_FORGET, (math.ceil(before),))


class _Housekeeping(threading.local):
    due = 0.0


_housekeeping = _Housekeeping()


def _forget_now_and_then() -> None:
    now = time.time()
    if now >= _housekeeping.due:
        _housekeeping.due = now + _FORGET_EVERY_SECONDS
        forget(now)


def _execute(sql: str, values: Sequence[Any]) -> list[Any]:
    if connection.vendor == "sqlite":
        try:
            return _file().execute(sql.replace("%s", "?"), values).fetchall()
        except sqlite3.Error as error:  # told like the database's own, so that callers hear “unavailable”
            raise OperationalError(*error.args) from error
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[Any] = cursor.fetchall()
    return rows


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
            except sqlite3.OperationalError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(_QUEUE_PAUSE_SECONDS)
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
