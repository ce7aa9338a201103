"""A cache in memory: what is made once, what is dropped, and when."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from core import memory_cache
from core.memory_cache import MemoryCache


@pytest.fixture
def cache() -> Iterator[MemoryCache[str]]:
    made = MemoryCache[str](max_bytes=10, max_age=60, size_of=len)
    yield made
    made.clear()


def get(cache: MemoryCache[str], key: str, value: str, *, is_valid: Callable[[str], bool] = lambda value: True) -> str:
    return cache.get_or_make(key, lambda: value, is_valid)


def test_value_is_made_once(cache: MemoryCache[str]) -> None:
    assert [get(cache, "a", "first"), get(cache, "a", "second")] == ["first", "first"]


def test_value_that_is_not_valid_any_longer_is_replaced(cache: MemoryCache[str]) -> None:
    get(cache, "a", "first")

    assert get(cache, "a", "new", is_valid=lambda value: value == "new") == "new"
    assert (get(cache, "a", "third"), len(cache), cache.size) == ("new", 1, 3)


def test_cache_drops_what_was_used_least_recently_when_it_is_full(cache: MemoryCache[str]) -> None:
    for key in "abcde":
        get(cache, key, "xx")
    get(cache, "a", "never made")
    get(cache, "f", "xx")

    assert {key: get(cache, key, "made again") for key in "a"} == {"a": "xx"}
    assert cache.size == 10
    assert get(cache, "b", "new") == "new"


def test_value_larger_than_the_cache_is_not_kept_and_drops_nothing(cache: MemoryCache[str]) -> None:
    get(cache, "a", "xx")
    get(cache, "b", "x" * 11)

    assert (get(cache, "a", "new"), get(cache, "b", "new"), cache.size) == ("xx", "new", 5)


def test_cache_without_room_keeps_nothing() -> None:
    cache = MemoryCache[str](max_bytes=0, max_age=60, size_of=len)

    assert ([get(cache, "a", "first"), get(cache, "a", "second")], len(cache)) == (["first", "second"], 0)


def test_value_leaves_memory_by_itself_when_it_is_old() -> None:
    cache = MemoryCache[str](max_bytes=10, max_age=0.05, size_of=len)
    get(cache, "a", "xx")

    until = time.monotonic() + 10
    while len(cache) and time.monotonic() < until:
        time.sleep(0.01)

    assert (len(cache), cache.size) == (0, 0)


def test_use_does_not_keep_a_value_longer(monkeypatch: pytest.MonkeyPatch, cache: MemoryCache[str]) -> None:
    now = [100.0]
    monkeypatch.setattr("core.memory_cache.time.monotonic", lambda: now[0])
    get(cache, "a", "first")
    now[0] += 59
    assert get(cache, "a", "second") == "first"
    now[0] += 1

    assert get(cache, "a", "second") == "second"


def test_threads_that_ask_at_once_wait_for_the_one_that_makes_the_value(cache: MemoryCache[str]) -> None:
    asked, found, made = threading.Barrier(8), list[str](), list[int]()

    def make() -> str:
        made.append(1)
        time.sleep(0.05)
        return f"made {len(made)}"

    def ask() -> None:
        asked.wait()
        found.append(cache.get_or_make("a", make, lambda value: True))

    threads = [threading.Thread(target=ask) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (found, len(made)) == (["made 1"] * 8, 1)


def test_error_reaches_only_the_thread_that_made_it(cache: MemoryCache[str]) -> None:
    def fail() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.get_or_make("a", fail, lambda value: True)

    assert get(cache, "a", "made") == "made"


def test_thread_that_has_waited_long_makes_the_value_itself(
    monkeypatch: pytest.MonkeyPatch, cache: MemoryCache[str]
) -> None:
    monkeypatch.setattr(memory_cache, "LONGEST_WAIT_SECONDS", 0.01)
    is_making, goes_on = threading.Event(), threading.Event()

    def stall() -> str:
        is_making.set()
        goes_on.wait(10)
        return "late"

    stalled = threading.Thread(target=cache.get_or_make, args=("a", stall, lambda value: True))
    stalled.start()
    is_making.wait(10)

    assert get(cache, "a", "own") == "own"
    goes_on.set()
    stalled.join()
