"""PgBouncer in transaction mode: nothing is carried over, overbooked or misleading. Some tests of row-level security again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client

from accounts import roles
from accounts.audit import verification
from accounts.customers import Contact
from accounts.encryption.keys import connection_name
from bookings.icalendar import feeds
from bookings.models import Booking
from bookings.services.verification import differences
from config.environment import prepared
from core.db.migration_lock import migration_lock
from tests.bookings.importing.commands import run as command
from tests.bookings.services.test_races import CAPACITY, EXPECTED, busiest, run
from tests.factories import booking, open_station, person
from tests.servers import pgbouncer_url
from tests.test_row_level_security import (  # noqa: F401 - collected here once more
    test_connection_carries_nothing_over_to_the_next_request,
    test_pages_of_two_people_over_one_connection_show_each_their_own,
    test_policies_hold_after_a_rollback_and_in_the_next_transaction,
)

pytestmark = [pytest.mark.postgresql, pytest.mark.xdist_group("pooler")]


@pytest.fixture(autouse=True)
def pooled(pooler_folder: Path, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The test's own connection goes through PgBouncer, which has one for all; its address, for others."""
    connection.close()
    settings = connection.settings_dict
    options = {name: value for name, value in settings["OPTIONS"].items() if name != "host"} | prepared(pooled=True)
    monkeypatch.setenv("THROUGH_POOLER", "1")
    through = {"HOST": str(pooler_folder), "PORT": "6432", "OPTIONS": options, "DISABLE_SERVER_SIDE_CURSORS": True}
    for name, value in through.items():
        monkeypatch.setitem(settings, name, value)
    yield pgbouncer_url(pooler_folder, str(settings["NAME"]))
    connection.close()


def test_next_client_of_the_same_connection_finds_nothing_of_a_request(pooled: str) -> None:
    asked = "SELECT pg_backend_pid(), current_user, coalesce(current_setting('stationbook.stations', true), '')"
    made = booking(open_station(code="kitchen"))
    client = Client()
    client.force_login(person(roles.STAFF, made.station))
    with psycopg.connect(pooled, autocommit=True) as other:
        before = other.execute(asked).fetchone()
        page = client.get(f"/calendar/week/?station=kitchen&date={made.date}")
        after = other.execute(asked).fetchone()

    assert (page.status_code, after) == (200, before)


def test_feed_is_read_in_pieces_without_a_cursor_of_the_servers(pooled: str) -> None:
    made = booking(open_station(code="kitchen"), customer=Contact("Ana"))
    _feed, secret = feeds.create(station=made.station, details=True, by=person(roles.STAFF, made.station))
    answer: Any = Client().get(f"/feeds/{secret}.ics")

    assert answer.status_code == 200
    assert b"BEGIN:VCALENDAR" in b"".join(answer.streaming_content)


def test_migration_lock_leaves_nothing_on_the_connection_of_the_server(pooled: str) -> None:
    with migration_lock(connection, lambda: pytest.fail("It had to wait.")):
        pass

    with psycopg.connect(pooled) as other:
        assert other.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)


@pytest.mark.race
def test_processes_racing_through_one_connection_never_overbook(pooled: str) -> None:
    ends = run(pooled, 4, 60)

    assert ends.total() == 4 * 60
    assert set(ends) <= EXPECTED
    assert busiest()[0] == CAPACITY
    assert not list(differences())
    assert not list(verification.faults())
    assert Booking.objects.exists()


@pytest.fixture
def served(pooled: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server with the very keys of here is connected through the pooler, named as servers are there; we are past it."""
    name = connection_name({"data": settings.PII_KEYS, "index": settings.INDEX_KEYS}, pooled=True)
    with psycopg.connect(pooled, application_name=name, autocommit=True) as server:
        server.execute("SELECT 1")
        connection.close()
        monkeypatch.undo()
        yield


@pytest.mark.parametrize("words", [("rotate",), ("retire", "{key}")], ids=["rotate", "retire"])
def test_keys_that_a_pooler_hides_are_not_taken_for_seen(served: None, words: tuple[str, ...], settings: Any) -> None:
    ended = command("keys", *(word.format(key="00" * 4) for word in words))

    assert ended.status == 1
    assert "The connection pooler hides which keys" in ended.err


def test_rotation_goes_on_once_the_operator_says_that_all_were_restarted(served: None) -> None:
    assert command("keys", "rotate", "--all-restarted").status == 0


def test_command_behind_the_pooler_knows_it_without_seeing_anybody(pooled: str, settings: Any) -> None:
    settings.POOLER = True

    assert "The connection pooler hides which keys" in command("keys", "rotate").err
