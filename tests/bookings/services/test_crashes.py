"""A crash during every statement of what is done to bookings: afterwards all is as before, or as after, and agrees."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client

from accounts import roles
from bookings.models import Booking, ImportedRow, Mail
from stations.models import Station
from tests.bookings.api.caller import Caller
from tests.bookings.crash_scenarios import DEEDS, Bomb, Crash, disagreements, fail, named, picture, rows, world
from tests.factories import person

pytestmark = pytest.mark.django_db(transaction=True)

FEWEST: Final = 6
"""Statements that any of the deeds takes."""
KILLED: Final = str(-signal.SIGKILL)


def after(deed: Callable[[], None]) -> list[list[Any]]:
    """What the deed comes to, undone again."""
    with transaction.atomic():
        deed()
        found = picture()
        transaction.set_rollback(True)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("side", ["before", pytest.param("after", marks=pytest.mark.long)])
@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_crash_at_any_statement_leaves_all_as_before_until_it_is_as_after(deed: Callable[[], None], side: str) -> None:
    world()
    before, wanted = rows(), after(deed)

    for at in count(1):
        bomb = Bomb(str(at), side, fail)
        try:
            with bomb.laid():
                deed()
            break
        except Crash:
            assert rows() == before, bomb.sql

    assert at > FEWEST
    assert picture() == wanted
    assert disagreements() == []


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_commit_that_fails_leaves_all_as_before(deed: Callable[[], None]) -> None:
    world()
    before = rows()

    with pytest.raises(OperationalError), Bomb("c1", "before", gone).laid():
        deed()

    assert rows() == before


def gone() -> None:
    raise OperationalError("the database is gone")


class Away(Bomb):
    """The database goes away at a statement, and stays away."""

    def __call__(self, execute: Callable[..., Any], *statement: Any) -> Any:
        if self.sql:
            gone()
        return super().__call__(execute, *statement)


def create_by_api(caller: Caller, stays: UUID) -> Any:
    body = {"station": "kitchen", "date": "2031-03-07", "slot": "20:00", "party_adults": 2}
    return caller.post("/api/bookings/", body)


def move_by_api(caller: Caller, stays: UUID) -> Any:
    return caller.patch(f"/api/bookings/admin/{stays}", {"date": "2031-03-08", "slot": "20:00"})


def move_by_page(caller: Client, stays: UUID) -> Any:
    words = {"date": "2031-03-08", "slot": "20:00", "version": 1}
    return caller.post(f"/bookings/{stays}/move/", words)


def went_away(call: Callable[[Any, UUID], Any], caller: Any) -> Iterator[Any]:
    """The answers to a call, whose database goes away a statement later each time, until it has been done. What is done when the
    database goes may not be told any more: whoever asks again finds it done."""
    stays, before = named("stays").pk, rows()
    for at in count(1):
        away = Away(str(at), "before", gone)
        with away.laid():
            answer = call(caller, stays)
        if away.sql:
            yield answer
        if rows() != before:
            break
    assert at > FEWEST
    assert disagreements() == []


@pytest.mark.parametrize("call", [pytest.param(create_by_api, marks=pytest.mark.looks), move_by_api])
def test_database_that_goes_away_during_a_call_is_reported_and_nothing_is_half_written(
    call: Callable[[Caller, UUID], Any],
) -> None:
    world()
    caller = Caller(person(roles.STAFF, Station.objects.get(code="kitchen")))

    answers = {(answer.status_code, answer.json()["code"]) for answer in went_away(call, caller)}

    assert answers == {(503, "unavailable")}


@pytest.mark.looks
def test_database_that_goes_away_under_a_page_is_reported_plainly_and_nothing_is_half_written() -> None:
    world()
    client = Client(raise_request_exception=False)
    client.force_login(person(roles.STAFF, Station.objects.get(code="kitchen")))

    for answer in went_away(move_by_page, client):
        assert answer.status_code == 503, answer.content.decode()
        assert "The service is busy. Try again in a moment." in answer.content.decode()


# --- processes that are really killed --------------------------------------------------------------------------------


class Killer:
    """Has a deed done again and again, and each time killed at another place."""

    def __init__(self, database_url: str, deed: str) -> None:
        environment = os.environ | {"DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        command = [sys.executable, "-m", "tests.bookings.crash_scenarios", deed]
        self._others = connected()
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def kills(self, at: str, side: str) -> bool:
        """Whether it was killed; else the deed was done before it came so far."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{at} {side}\n")
        self._process.stdin.flush()
        told = self._process.stdout.readline().strip()
        assert told in (KILLED, "0")
        while connected() - self._others:  # PostgreSQL takes back what was begun a moment after the end of who began it
            time.sleep(0.01)
        return told == KILLED

    def end(self) -> None:
        self._process.communicate()


def connected() -> set[int]:
    """Who else is connected to PostgreSQL: perhaps a thread that served a browser's page, and still waits for the next."""
    if connection.vendor != "postgresql":
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        return {pid for (pid,) in cursor}


@contextmanager
def killer(database_url: str, deed: str) -> Iterator[Killer]:
    one = Killer(database_url, deed)
    try:
        yield one
    finally:
        one.end()


WHOLE = [name for name in DEEDS if name != "import_file"]


@pytest.mark.long
@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("deed", WHOLE)
def test_process_killed_at_any_statement_leaves_all_as_before(database_url: str, deed: str, side: str) -> None:
    world()
    before, wanted = rows(), after(DEEDS[deed])

    with killer(database_url, deed) as one:
        for at in count(1):
            if not one.kills(str(at), side):
                break
            assert rows() == before

    assert at > FEWEST
    assert picture() == wanted
    assert disagreements() == []


@pytest.mark.long
@pytest.mark.parametrize("deed", WHOLE)
def test_process_killed_at_the_commit_leaves_all_as_before_or_as_after(database_url: str, deed: str) -> None:
    world()
    before, wanted = rows(), after(DEEDS[deed])

    with killer(database_url, deed) as one:
        assert one.kills("c1", "before")
        assert rows() == before
        assert one.kills("c1", "after")

    assert picture() == wanted
    assert disagreements() == []


@pytest.mark.long
@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("what", ["", "c"])
def test_import_killed_anywhere_goes_on_where_it_was(database_url: str, what: str, side: str) -> None:
    world()
    wanted = after(DEEDS["import_file"])

    with killer(database_url, "import_file") as one:
        for at in count(1):
            if not one.kills(f"{what}{at}", side):
                break
            remembered = ImportedRow.objects.count()
            assert remembered in (0, 2, 3)
            assert Booking.objects.filter(external_ref__startswith="R").count() == remembered
            assert Mail.objects.filter(booking__external_ref__startswith="R").count() == remembered
            assert disagreements() == []

    made = [[line for line in part if "R" in line] for part in picture()]
    assert made == [[line for line in part if "R" in line] for part in wanted]
