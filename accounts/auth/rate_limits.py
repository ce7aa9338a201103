"""Rate limits: requests of each person and API key, and failed sign-ins, counted over all processes in fixed windows.

The settings that end in `RATE_LIMIT` hold them; docs/security.md, "Rate limits", says what each counts.
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
    """So many in a window of so many seconds; windows begin at multiples of their length since 1970."""

    limit: int
    seconds: int

    @classmethod
    @cache
    def parse(cls, text: str) -> Self:
        """From `100/minute`; the period is told by its first letter. Raises ImproperlyConfigured."""
        try:
            return cls(*parse_rate(text))
        except ValueError:
            raise ImproperlyConfigured(f"{text!r} is no rate. Write one such as 100/minute.") from None

    def window(self) -> "Window":
        return Window(self, math.floor(time.time() / self.seconds + 1) * self.seconds)

    def count(self, key: str) -> int:
        """Count one; returns in how many seconds the next one is free, 0 where this one is."""
        window = self.window()
        return window.wait() if window.add(key, 1) > self.limit else 0


@dataclass(frozen=True, slots=True)
class Window:
    """One window of a rate, known by the second at which it ends."""

    rate: Rate
    ends: int

    def add(self, key: str, hits: int) -> int:
        """Count, and return how many there are now; 0 hits only looks."""
        return rate_limit_counters.add(f"{self.rate.seconds}:{key}", self.ends, hits)

    def wait(self) -> int:
        """Whole seconds until the next window, at least one."""
        return max(1, math.ceil(self.ends - time.time()))


# --- requests --------------------------------------------------------------------------------------------------------


class _Counted(BaseThrottle):
    """Refuses whoever is told to wait."""

    waiting: float | None = None

    def seconds(self, person: "User") -> int:
        """Count a request; returns in how many seconds the next one is free, 0 where this one is."""
        raise NotImplementedError

    def allow_request(self, request: "Request", view: "APIView") -> bool:
        self.waiting = (request.user.is_authenticated and self.seconds(request.user)) or None
        return self.waiting is None

    def wait(self) -> float | None:
        return self.waiting


class EachUser(_Counted):
    """Requests under `/api/` (`RATE_LIMIT`): of one person by session and tokens together, and of each API key by itself."""

    def seconds(self, person: "User") -> int:
        caller = f"user:{person.pk}" if person.api_key_id is None else f"key:{person.api_key_id}"
        return Rate.parse(settings.RATE_LIMIT).count(caller)


class EachSearch(_Counted):
    """So many searches of one user in a window, by page and API together."""

    def seconds(self, person: "User") -> int:
        return wait_to_search(person)


def wait_to_search(person: Person) -> int:
    """Count a search (`SEARCH_RATE_LIMIT`), for nobody shall read a list of customers letter by letter; as `Rate.count`."""
    return Rate.parse(settings.SEARCH_RATE_LIMIT).count(f"find:{person.pk}")


def wait_to_read_feed(feed_id: int, person: Person) -> int:
    """Count a reading of a calendar feed (`FEED_RATE_LIMIT`, and `ALL_FEEDS_RATE_LIMIT` for its person); as `Rate.count`."""
    of_feed = Rate.parse(settings.FEED_RATE_LIMIT).count(f"feed:{feed_id}")
    return of_feed or Rate.parse(settings.ALL_FEEDS_RATE_LIMIT).count(f"feeds:{person.pk}")


def wait_for_page(user_id: str) -> int:
    """Count a page of somebody signed in (`PAGE_RATE_LIMIT`); as `Rate.count`, at a fraction of its cost."""
    return _pages.count(Rate.parse(settings.PAGE_RATE_LIMIT), f"page:{user_id}")


BLOCKS: Final = 50
EXHAUSTED: Final = -1


class Reservations:
    """Counts in blocks: a process reserves a fiftieth of the limit at once, and asks the shared counter again when it is used up.

    All processes together never pass the limit. What one of them reserved and did not use is refused to the others: at most
    a fiftieth for each process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[tuple[str, Window], int] = {}

    def count(self, rate: Rate, key: str) -> int:
        """As `Rate.count`."""
        window = rate.window()
        left = self._take(key, window) or self._reserve(key, window)
        return 0 if left > 0 else window.wait()

    def _take(self, key: str, window: Window) -> int:
        """How many were left, before one is taken; EXHAUSTED where the shared counter had none for us."""
        with self._lock:
            left = self._left.get((key, window), 0)
            if left > 0:
                self._left[key, window] = left - 1
            return left

    def _reserve(self, key: str, window: Window) -> int:
        """How many the shared counter had for us, before one is taken, or EXHAUSTED."""
        block = max(1, window.rate.limit // BLOCKS)
        free = block - max(0, window.add(key, block) - window.rate.limit)
        with self._lock:
            self._left = {kept: left for kept, left in self._left.items() if left and kept[1].ends > time.time()}
            left = max(0, self._left.get((key, window), 0))  # of another thread's block
            self._left[key, window] = left + free - 1 if free > 0 else left or EXHAUSTED
        return free


_pages = Reservations()


# --- sign-ins --------------------------------------------------------------------------------------------------------


class TooManyFailures(Exception):
    """This account, or this address, has failed to sign in too often; `wait` is in whole seconds."""

    def __init__(self, wait: int) -> None:
        self.wait = wait
        super().__init__(wait)


@dataclass(slots=True)
class Attempt:
    """A try to sign in. Whoever looks at the password, or at the code, says whether it was right."""

    succeeded: bool = False
    wait: int = 0
    """In seconds, where there were too many wrong codes before."""


_QUEUE_TRIES: Final = 60
_QUEUE_PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class _Budget:
    """How many failures somebody may have in a window. Tries are the failures so far and those under way."""

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
    """Around one look at a password. Raises TooManyFailures before it, where a limit of failures is reached.

    `LOGIN_RATE_LIMIT` holds for the account and for the address, `LOGIN_ACCOUNT_RATE_LIMIT` for the account. No more
    passwords are looked at together than may yet fail, so that a burst gets no more guesses than a queue does; whoever is
    right waits for the others and is let in.
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
    """Count a try once there is room. Raises TooManyFailures."""
    for _turn in range(_QUEUE_TRIES):
        budgets = _budgets(email, address)
        if spent := [budget for budget in budgets if budget.failures >= budget.limit]:
            raise TooManyFailures(max(budget.window.wait() for budget in spent))
        tries = [budget.enter() for budget in budgets]
        if all(count <= budget.limit for count, budget in zip(tries, budgets, strict=True)):
            return budgets
        for budget in budgets:
            budget.leave()
        time.sleep(_QUEUE_PAUSE_SECONDS)
    raise TooManyFailures(max(budget.window.wait() for budget in budgets))


def _budgets(email: str, address: str | None) -> Sequence[_Budget]:
    """What counts for an account, and for an address if there is one: callers without one do not share a budget.

    The waits grow: with each `LOGIN_RATE_LIMIT` of failures in the longer window, an account gets half as many in the shorter
    one, at the least one. Keyed hashes, for an email and an address are personal.
    """
    short, long = (Rate.parse(rate).window() for rate in (settings.LOGIN_RATE_LIMIT, settings.LOGIN_ACCOUNT_RATE_LIMIT))
    whose = email.strip().lower()
    over_all = _Budget(long, hashed(f"log-in account, long {whose}"), long.rate.limit)
    halvings = over_all.failures // short.rate.limit
    budgets = [over_all, _Budget(short, hashed(f"log-in account {whose}"), max(1, short.rate.limit >> halvings))]
    if address:
        budgets.append(_Budget(short, hashed(f"log-in address {network(address)}"), short.rate.limit))
    return budgets


@contextmanager
def code_attempt(user: "User") -> Iterator[Attempt]:
    """Around one look at a two-factor code that came with the right password (`CODE_RATE_LIMIT`).

    Over the limit the attempt says how long to wait. Another password, or another factor, begins from nothing.
    """
    window = Rate.parse(settings.CODE_RATE_LIMIT).window()
    key = f"code:{hashed(f'code {user.pk} {user.get_session_auth_hash()}')}"
    attempt = Attempt(wait=window.wait() if window.add(key, 1) > window.rate.limit else 0)
    try:
        yield attempt
    finally:
        if attempt.succeeded:
            window.add(key, -1)


def hashed(name: str) -> str:
    """What a counter is called that counts by something personal."""
    return hmac.digest(settings.SECRET_KEY.encode(), name.encode(errors="replace"), "sha256").hex()[:32]


def network(address: str) -> str:
    """Whoever has one IPv6 address has the 2^64 beside it."""
    found = ip_address(address)
    return str(found if found.version == 4 else ip_network((found, 64), strict=False))
