"""Rate limits: requests of each user and API key, and failed sign-ins, counted across all processes in fixed windows.

The settings account names end in `RATE_LIMIT` configure them; docs/security.md, "Rate limits", lists what each one counts.
"""

import hmac
import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final, Self

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from rest_framework.throttling import BaseThrottle

from accounts.auth import rate_limit_counters
from core.rate import parse_rate
from stations.access import Person

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

    from accounts.models import User


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` in a window of `seconds`. Windows start at multiples of their length since 1970."""

    limit: int
    seconds: int

    @classmethod
    @cache
    def parse(cls, text: str) -> Self:
        """Parse a rate such as `100/minute`; only the first letter of the period counts. Raises ImproperlyConfigured."""
        try:
            return cls(*parse_rate(text))
        except ValueError:
            raise ImproperlyConfigured(f"{text!r} is no rate. Write one such as 100/minute.") from None

    def window(self) -> "Window":
        return Window(self, math.floor(time.time() / self.seconds + 1) * self.seconds)

    def count(self, key: str) -> int:
        """Count one. Returns 0 if it is within the limit, otherwise the seconds until the next window."""
        window = self.window()
        return window.wait() if window.add(key, 1) > self.limit else 0


@dataclass(frozen=True, slots=True)
class Window:
    """One window of a rate, identified by the second at which it ends."""

    rate: Rate
    ends: int

    def add(self, key: str, hits: int) -> int:
        """Add hits and return the total; with 0 hits, only return it."""
        return rate_limit_counters.add(f"{self.rate.seconds}:{key}", self.ends, hits)

    def wait(self) -> int:
        """Whole seconds until the next window, at least one."""
        return max(1, math.ceil(self.ends - time.time()))


# --- requests --------------------------------------------------------------------------------------------------------


class _Throttle(BaseThrottle):
    """A throttle of REST framework account subclasses count by `Rate.count`."""

    retry_after: float | None = None

    def count(self, person: "User") -> int:
        """Count a request, as `Rate.count` does."""
        raise NotImplementedError

    def allow_request(self, request: "Request", view: "APIView") -> bool:
        self.retry_after = (request.user.is_authenticated and self.count(request.user)) or None
        return self.retry_after is None

    def wait(self) -> float | None:
        return self.retry_after


class UserThrottle(_Throttle):
    """Limits requests under `/api/` (`RATE_LIMIT`): those of a user by session and tokens together, and those of each API key."""

    def count(self, person: "User") -> int:
        caller = f"user:{person.pk}" if person.api_key_id is None else f"key:{person.api_key_id}"
        return Rate.parse(settings.RATE_LIMIT).count(caller)


class SearchThrottle(_Throttle):
    """Limits a user's searches, by page and API together."""

    def count(self, person: "User") -> int:
        return count_search(person)


def count_search(person: Person) -> int:
    """Count a search, as `Rate.count` does. `SEARCH_RATE_LIMIT` keeps people from listing all customers letter by letter."""
    return Rate.parse(settings.SEARCH_RATE_LIMIT).count(f"find:{person.pk}")


def count_feed_read(feed_id: int, person: Person) -> int:
    """Count a read of a calendar feed, as `Rate.count` does (`FEED_RATE_LIMIT`, and `ALL_FEEDS_RATE_LIMIT` for its owner)."""
    wait = Rate.parse(settings.FEED_RATE_LIMIT).count(f"feed:{feed_id}")
    return wait or Rate.parse(settings.ALL_FEEDS_RATE_LIMIT).count(f"feeds:{person.pk}")


def count_page(user_id: str) -> int:
    """Count a page of a signed-in user (`PAGE_RATE_LIMIT`), as `Rate.count` does at a fraction of its cost."""
    return _pages.count(Rate.parse(settings.PAGE_RATE_LIMIT), f"page:{user_id}")


BLOCKS_PER_LIMIT: Final = 50
EXHAUSTED: Final = -1


class Reservations:
    """Counts in blocks: a process reserves a fiftieth of the limit at a time from the shared counter.

    All processes together never exceed the limit. Each may leave up to one block unused, which the others are then refused.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[tuple[str, Window], int] = {}

    def count(self, rate: Rate, key: str) -> int:
        """Count one, as `Rate.count` does."""
        window = rate.window()
        left = self._take(key, window) or self._reserve(key, window)
        return 0 if left > 0 else window.wait()

    def _take(self, key: str, window: Window) -> int:
        """Take one of the reserved hits. Returns how many were left before, or EXHAUSTED if the limit is reached."""
        with self._lock:
            left = self._left.get((key, window), 0)
            if left > 0:
                self._left[key, window] = left - 1
            return left

    def _reserve(self, key: str, window: Window) -> int:
        """Reserve a block and take one of it. Returns how many hits the block has; not positive if the limit is reached."""
        block = max(1, window.rate.limit // BLOCKS_PER_LIMIT)
        free = block - max(0, window.add(key, block) - window.rate.limit)
        with self._lock:
            self._left = {kept: left for kept, left in self._left.items() if left and kept[1].ends > time.time()}
            left = max(0, self._left.get((key, window), 0))  # another thread may have reserved a block meanwhile
            self._left[key, window] = left + free - 1 if free > 0 else left or EXHAUSTED
        return free


_pages = Reservations()


# --- sign-ins --------------------------------------------------------------------------------------------------------


class TooManyFailures(Exception):
    """Too many failed sign-ins for this account or network address; `wait` is in whole seconds."""

    def __init__(self, wait: int) -> None:
        self.wait = wait
        super().__init__(wait)


@dataclass(slots=True)
class Attempt:
    """An attempt to sign in. The caller sets `succeeded` once the password or the code was correct."""

    succeeded: bool = False
    wait: int = 0
    """Seconds to wait because of too many wrong codes; 0 for none."""


_MAX_QUEUE_CHECKS: Final = 60
_QUEUE_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class _Budget:
    """The failures allowed in a window. Attempts count both failures and those in progress."""

    window: Window
    key: str
    limit: int

    @property
    def failures(self) -> int:
        return self.window.add(f"fail:{self.key}", 0)

    def enter(self) -> int:
        return self.window.add(f"try:{self.key}", 1)

    def leave(self) -> None:
        self.window.add(f"try:{self.key}", -1)

    def fail(self) -> None:
        self.window.add(f"fail:{self.key}", 1)


@contextmanager
def login_attempt(email: str, address: str | None) -> Iterator[Attempt]:
    """Surround one check of a password. Raises TooManyFailures before it if a limit of failures is reached.

    `LOGIN_RATE_LIMIT` applies to the account and to the address, `LOGIN_ACCOUNT_RATE_LIMIT` to the account. At most as many
    checks run at the same time as may still fail, so that parallel requests do not get more guesses than sequential ones.
    Correct passwords wait for the checks ahead of them.
    """
    budgets = _enter(email, address)
    attempt = Attempt()
    try:
        yield attempt
    finally:
        for budget in budgets:
            if attempt.succeeded:
                budget.leave()
            else:
                budget.fail()


def _enter(email: str, address: str | None) -> Sequence[_Budget]:
    """Count an attempt, once the budgets have room for it. Raises TooManyFailures."""
    for _turn in range(_MAX_QUEUE_CHECKS):
        budgets = _budgets(email, address)
        if spent := [budget for budget in budgets if budget.failures >= budget.limit]:
            raise TooManyFailures(max(budget.window.wait() for budget in spent))
        tries = [budget.enter() for budget in budgets]
        if all(count <= budget.limit for count, budget in zip(tries, budgets, strict=True)):
            return budgets
        for budget in budgets:
            budget.leave()
        time.sleep(_QUEUE_POLL_SECONDS)
    raise TooManyFailures(max(budget.window.wait() for budget in budgets))


def _budgets(email: str, address: str | None) -> Sequence[_Budget]:
    """The budgets of an account and of a network address. Callers without an address share no budget.

    Waits grow: after each `LOGIN_RATE_LIMIT` of failures in the longer window, the account's limit in the shorter window is
    halved, down to one. Keys are hashed, because emails and addresses are personal data.
    """
    short, long = (Rate.parse(rate).window() for rate in (settings.LOGIN_RATE_LIMIT, settings.LOGIN_ACCOUNT_RATE_LIMIT))
    account = email.strip().lower()
    long_term = _Budget(long, hash_key(f"log-in account, long {account}"), long.rate.limit)
    halvings = long_term.failures // short.rate.limit
    budgets = [long_term, _Budget(short, hash_key(f"log-in account {account}"), max(1, short.rate.limit >> halvings))]
    if address:
        budgets.append(_Budget(short, hash_key(f"log-in address {network(address)}"), short.rate.limit))
    return budgets


@contextmanager
def code_attempt(user: "User") -> Iterator[Attempt]:
    """Surround one check of a two-factor code that came with the correct password (`CODE_RATE_LIMIT`).

    Over the limit, `wait` is set on the attempt. A new password or another authenticator resets the count.
    """
    window = Rate.parse(settings.CODE_RATE_LIMIT).window()
    key = f"code:{hash_key(f'code {user.pk} {user.get_session_auth_hash()}')}"
    attempt = Attempt(wait=window.wait() if window.add(key, 1) > window.rate.limit else 0)
    try:
        yield attempt
    finally:
        if attempt.succeeded:
            window.add(key, -1)


def hash_key(name: str) -> str:
    """A keyed hash for the name of a counter that contains personal data."""
    return hmac.digest(settings.SECRET_KEY.encode(), name.encode(errors="replace"), "sha256").hex()[:32]


def network(address: str) -> str:
    """The address, or the /64 network of an IPv6 address: its owner controls all of it."""
    found = ip_address(address)
    return str(found if found.version == 4 else ip_network((found, 64), strict=False))
