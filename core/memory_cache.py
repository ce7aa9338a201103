"""An in-process LRU cache, limited by size and age, in which concurrent requests for a missing value compute it once."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Value = TypeVar("Value")

LOCKS: Final = 64
"""Keys share locks by hash, so that two keys sometimes wait for each other."""
LONGEST_WAIT_SECONDS: Final = 2.0
"""How long a thread waits for another one to compute a value before it computes the value itself."""


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Value]):
    value: Value
    size: int
    expires_at: float
    """By `time.monotonic`."""


class MemoryCache(Generic[Value]):
    """Keeps the most recently used values, `max_bytes` in total, each for at most `max_age` seconds.

    A timer removes expired values even if the cache is not used. With `max_bytes` 0, nothing is kept.
    """

    def __init__(self, *, max_bytes: int, max_age: float, size_of: Callable[[Value], int]) -> None:
        self._max_bytes, self._max_age, self._size_of = max_bytes, max_age, size_of
        self._entries: OrderedDict[Hashable, _Entry[Value]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        self._making = [threading.Lock() for _number in range(LOCKS)]
        self._timer: threading.Timer | None = None

    @property
    def size(self) -> int:
        """Total size of the kept values in bytes."""
        return self._size

    def __len__(self) -> int:
        return len(self._entries)

    def get_or_make(self, key: Hashable, make: Callable[[], Value], is_valid: Callable[[Value], bool]) -> Value:
        """Return the kept value if `is_valid`; otherwise call `make`, and keep and return its result.

        While one thread makes a value, others that need it wait. An exception from `make` is raised only to its own caller.
        """
        if not self._max_bytes:
            return make()
        if (kept := self._get(key, is_valid)) is not None:
            return kept
        with self._alone(key):
            if (kept := self._get(key, is_valid)) is not None:
                return kept
            made = make()
            self._put(key, made)
            return made

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._size = 0
            self._stop_timer()

    @contextmanager
    def _alone(self, key: Hashable) -> Iterator[None]:
        lock = self._making[hash(key) % LOCKS]
        acquired = lock.acquire(timeout=LONGEST_WAIT_SECONDS)
        try:
            yield
        finally:
            if acquired:
                lock.release()

    def _get(self, key: Hashable, is_valid: Callable[[Value], bool]) -> Value | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry.expires_at <= time.monotonic():
                return None
            self._entries.move_to_end(key)
        return entry.value if is_valid(entry.value) else None

    def _put(self, key: Hashable, value: Value) -> None:
        entry = _Entry(value, self._size_of(value), time.monotonic() + self._max_age)
        with self._lock:
            self._remove(key)
            if entry.size > self._max_bytes:
                return
            self._entries[key] = entry
            self._size += entry.size
            while self._size > self._max_bytes:
                self._remove(next(iter(self._entries)))
            if self._timer is None:
                self._start_timer()

    def _remove(self, key: Hashable) -> None:
        if entry := self._entries.pop(key, None):
            self._size -= entry.size

    def _start_timer(self) -> None:
        self._timer = threading.Timer(self._max_age, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        with self._lock:
            now = time.monotonic()
            for key in [key for key, entry in self._entries.items() if entry.expires_at <= now]:
                self._remove(key)
            self._timer = None
            if self._entries:
                self._start_timer()
