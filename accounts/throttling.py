"""How often: requests of each user, and failed log-ins, counted exactly over all processes in fixed windows."""

import hmac
import math
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

from accounts import counters
from stations.querysets import Person

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

_PERIODS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


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
        return counters.add(f"{self.rate.seconds}:{key}", self.ends, hits)

    def wait(self) -> int:
        """Whole seconds until the next window, at least one."""
        return max(1, math.ceil(self.ends - time.time()))


class _Counted(BaseThrottle):
    """Refuses whoever is told to wait."""

    waiting: float | None = None

    def seconds(self, person: Person) -> int:
        """Count a request; returns in how many seconds the next one is free, 0 where this one is."""
        raise NotImplementedError

    def allow_request(self, request: "Request", view: "APIView") -> bool:
        self.waiting = (request.user.is_authenticated and self.seconds(request.user)) or None
        return self.waiting is None

    def wait(self) -> float | None:
        return self.waiting


class EachUser(_Counted):
    """So many requests of one user under `/api/` in a window (`RATE_LIMIT`)."""

    def seconds(self, person: Person) -> int:
        return Rate.parse(settings.RATE_LIMIT).count(f"user:{person.pk}")


class EachSearch(_Counted):
    """So many searches of one user in a window, by page and API together."""

    def seconds(self, person: Person) -> int:
        return wait_to_search(person)


def wait_to_search(person: Person) -> int:
    """Count a search (`SEARCH_RATE_LIMIT`), for nobody shall read a list of customers letter by letter; as `Rate.count`."""
    return Rate.parse(settings.SEARCH_RATE_LIMIT).count(f"find:{person.pk}")


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
