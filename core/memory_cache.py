"""A cache in the memory of one process, bounded by bytes and by age, in which a missing value is made once for all who wait."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Value = TypeVar("Value")

LOCKS: Final = 64
"""Keys share them: two that do wait for each other now and then."""
LONGEST_WAIT_SECONDS: Final = 2.0
"""For a value that another thread makes. Whoever has waited so long makes it, too."""


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Value]):
    value: Value
    size: int
    expires_at: float
    """By `time.monotonic`."""


class MemoryCache(Generic[Value]):
    """Keeps the values used most recently: `max_bytes` of them together, and each for `max_age` seconds, used or not.

    Expired values leave memory by themselves, even while nobody asks for anything. Nothing is kept where `max_bytes` is 0.
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
        """In bytes, of all values that are kept."""
        return self._size

    def __len__(self) -> int:
        return len(self._entries)

    def get_or_make(self, key: Hashable, make: Callable[[], Value], is_valid: Callable[[Value], bool]) -> Value:
        """The value of the key where it is kept and `is_valid`, otherwise the one that `make` returns, which replaces it.

        While one thread makes a value, others who ask for its key wait for it. What `make` raises reaches its own caller only.
        """
        if not self._max_bytes:
            return make()
        if (kept := self._get(key)) is not None and is_valid(kept):
            return kept
        with self._alone(key):
            if (kept := self._get(key)) is not None and is_valid(kept):
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

    def _get(self, key: Hashable) -> Value | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry.expires_at <= time.monotonic():
                return None
            self._entries.move_to_end(key)
            return entry.value

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
