"""Limits of failed sign-ins: what counts, in which window, and that all processes together stay within the limit."""

import math
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from pytest_django import Settings

from accounts.auth import rate_limit_counters
from accounts.auth.rate_limits import Rate, TooManyFailures, Window, login_attempt
from tests.concurrency import run_concurrently

pytestmark = pytest.mark.django_db

ANA = "ana@example.com"
HOME = "203.0.113.7"


def fail(email: str = ANA, address: str | None = HOME) -> None:
    with login_attempt(email, address):
        pass


def succeed(email: str = ANA, address: str | None = HOME) -> None:
    with login_attempt(email, address) as attempt:
        attempt.succeeded = True


@pytest.fixture
def redis(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator["subprocess.Popen[bytes]"]:
    """A server of its own on a socket, which the product counts in, racing processes included."""
    socket = tmp_path / "redis.sock"
    command = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        while not socket.exists():
            assert server.poll() is None
            time.sleep(0.01)
        settings.REDIS_URL = f"redis+unix://{socket}"
        monkeypatch.setenv("REDIS_URL", settings.REDIS_URL)
        monkeypatch.setattr(rate_limit_counters._redis_pause, "until", -math.inf)
        yield server
        server.terminate()


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/minute", Rate(100, 60)),
        ("10/second", Rate(10, 1)),
        ("5/h", Rate(5, 3600)),
        ("7/day", Rate(7, 86400)),
    ],
)
def test_rate_is_read_as_it_is_written(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize("text", ["", "100", "many/minute", "100/fortnight", "/minute"])
def test_rate_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="100/minute"):
        Rate.parse(text)


def test_window_ends_at_a_multiple_of_its_length_and_holds_now() -> None:
    window = Rate(100, 60).window()
    assert window.ends % 60 == 0
    assert 0 < window.ends - time.time() <= 60
    assert 1 <= window.wait() <= 60


def test_window_counts_each_key_by_itself() -> None:
    window = Rate(100, 86400).window()
    assert [window.add("a", 1), window.add("a", 1), window.add("b", 1), window.add("a", -1)] == [1, 2, 1, 1]


def test_window_counts_in_redis_where_there_is_one(redis: object, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        window = Rate(100, 86400).window()
        counted = [window.add(key, hits) for key, hits in (("a", 1), ("a", 2), ("b", 1), ("a", -1), ("a", 0), ("c", 0))]

    assert counted == [1, 3, 1, 2, 2, 0]


def test_database_counts_while_redis_is_away(
    redis: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    window = Rate(100, 86400).window()
    counted = [window.add("a", 1)]
    redis.send_signal(signal.SIGSTOP)
    counted += [window.add("a", 1), window.add("a", 1)]
    redis.send_signal(signal.SIGCONT)
    monkeypatch.setattr(rate_limit_counters._redis_pause, "until", -math.inf)
    counted += [window.add("a", 1)]

    assert counted[:3] == [1, 1, 2]
    assert counted[3] in (2, 3)  # what Redis was told while it stood still it may have counted
    assert [line.getMessage() for line in caplog.records if line.name == "accounts.auth.rate_limit_counters"] == [
        "Redis does not answer (TimeoutError): the database counts meanwhile."
    ]


def test_window_counts_apart_from_the_one_before_and_from_other_lengths() -> None:
    now, before, shorter = Window(Rate(9, 60), 6000), Window(Rate(9, 60), 5940), Window(Rate(9, 1), 6000)
    assert [window.add("a", 1) for window in (now, before, shorter, now)] == [1, 1, 1, 2]


def test_forget_drops_what_has_ended_and_keeps_what_has_not() -> None:
    rate_limit_counters.delete_expired(
        before=time.time() + 86400
    )  # the counting below must not meet its own housekeeping
    past, present = Window(Rate(9, 60), 6000), Rate(9, 86400).window()
    past.add("a", 1)
    present.add("a", 1)

    rate_limit_counters.delete_expired(before=time.time())

    assert (past.add("a", 0), present.add("a", 0)) == (0, 1)


def test_login_attempts_are_refused_after_so_many_failures(settings: Settings) -> None:
    settings.LOGIN_RATE_LIMIT = "3/day"
    for _time in range(3):
        fail()
    with pytest.raises(TooManyFailures) as refusal:
        succeed()
    assert 0 < refusal.value.wait <= 86400


def test_login_successes_do_not_count(settings: Settings) -> None:
    settings.LOGIN_RATE_LIMIT = "3/day"
    for _time in range(20):
        succeed()
    for _time in range(3):
        fail()


def test_login_failures_of_an_account_count_from_every_address(settings: Settings) -> None:
    settings.LOGIN_RATE_LIMIT = "3/day"
    for number in range(3):
        fail(address=f"203.0.113.{number}")
    with pytest.raises(TooManyFailures):
        succeed(" ANA@example.com ", address="203.0.113.99")
    succeed("bob@example.com", address="203.0.113.1")


def test_login_failures_of_an_address_count_for_every_account(settings: Settings) -> None:
    settings.LOGIN_RATE_LIMIT = "3/day"
    for number in range(3):
        fail(f"person{number}@example.com")
    with pytest.raises(TooManyFailures):
        succeed("somebody@example.com")
    succeed("somebody@example.com", address="203.0.113.99")


def test_login_failures_of_an_ipv6_network_count_together(settings: Settings) -> None:
    settings.LOGIN_RATE_LIMIT = "3/day"
    for number in range(3):
        fail(f"person{number}@example.com", f"2001:db8:1:2::{number}")
    with pytest.raises(TooManyFailures):
        succeed("somebody@example.com", "2001:db8:1:2:ffff::1")
    succeed("somebody@example.com", "2001:db8:1:3::1")


def test_login_failures_from_nowhere_count_for_their_account_alone(settings: Settings) -> None:
    settings.LOGIN_RATE_LIMIT = "3/day"
    for number in range(5):
        fail(f"person{number}@example.com", None)
    succeed("somebody@example.com", None)


def test_login_that_crashes_counts_as_a_failure(settings: Settings) -> None:
    settings.LOGIN_RATE_LIMIT = "1/day"
    with pytest.raises(ZeroDivisionError), login_attempt(ANA, HOME):
        raise ZeroDivisionError
    with pytest.raises(TooManyFailures):
        succeed()


def test_login_counters_hold_no_email_and_no_address() -> None:
    fail("marked.person@example.com", "203.0.113.77")
    rows = rate_limit_counters._execute(f"SELECT key FROM {rate_limit_counters.TABLE} WHERE ends > %s", [0])
    told = str(rows)
    assert len(rows) == 6  # a try and a failure: of the address, and of the account in both windows
    assert [mark for mark in ("marked", "person", "example", "203.0", "113.77") if mark in told] == []


def test_counters_stand_apart_from_the_database() -> None:
    fail()
    if connection.vendor == "sqlite":
        database = Path(connection.settings_dict["NAME"])
        assert database.with_name(f"{database.stem}.counters.sqlite3").exists()
        assert rate_limit_counters.TABLE not in connection.introspection.table_names()
    else:
        with connection.cursor() as cursor:
            cursor.execute("SELECT relpersistence FROM pg_class WHERE relname = %s", [rate_limit_counters.TABLE])
            assert cursor.fetchall() == [("u",)]


@pytest.mark.race
def test_the_file_of_counters_is_made_by_many_at_once(tmp_path: Path) -> None:
    def count(number: int) -> int:
        start.wait(timeout=60)
        file = rate_limit_counters._File(tmp_path / f"{number // 8}.sqlite3")
        return len(file.connection.execute(rate_limit_counters._ADD.replace("%s", "?"), ("key", 1, 1)).fetchall())

    start = Barrier(8)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(count, range(8 * 80))) == [1] * 8 * 80


@pytest.mark.race
@pytest.mark.parametrize("place", ["the database", "redis"])
def test_eight_processes_racing_pass_exactly_the_limit(
    database_url: str, place: str, request: pytest.FixtureRequest
) -> None:
    if place == "redis":
        request.getfixturevalue("redis")
    printed = run_concurrently(database_url, 8, "count", f"race {time.time()}", "40")
    passed = [int(line.split()[0]) for line in printed]
    refused = [int(line.split()[1]) for line in printed]
    assert (sum(passed), sum(refused)) == (100, 220)


FIRST_LOOKS = """
import importlib.abc, sys, threading, time

class Slowly(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "redis.client":  # while redis itself stands half done where `limits` looks for its version
            time.sleep(0.5)

sys.meta_path.insert(0, Slowly())
import django
django.setup()
from accounts.auth import rate_limit_counters as counters

def look():
    try:
        counters._redis("redis://127.0.0.1:1/0")
    except Exception as error:
        print(repr(error))

threads = [threading.Thread(target=look) for _n in range(2)]
for thread in threads:
    thread.start()
    time.sleep(0.2)
for thread in threads:
    thread.join()
"""


@pytest.mark.slow
def test_first_requests_of_a_server_with_redis_do_not_stumble_over_each_other() -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_LOOKS], capture_output=True, text=True, check=True)

    assert done.stdout == ""
