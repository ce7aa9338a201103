"""The test's own database behind a streaming replica, or behind PgBouncer: real ones, started once for each process of tests."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections, router
from django.db.utils import ConnectionHandler
from pytest_django import DjangoDbBlocker

from bookings.calendar import replica as reading
from config.environment import replica_of
from tests.servers import Postgres, pgbouncer, scratch

REPLAY_SECONDS = 20


def primary_host() -> str:
    found = connections.settings["default"]
    return str(found["HOST"] or found["OPTIONS"]["host"])


class Standby:
    """A replica whose replay can be held."""

    def __init__(self, server: Postgres) -> None:
        self.server = server

    def execute(self, sql: str) -> str:
        with psycopg.connect(self.server.url, autocommit=True) as admin:
            row = admin.execute(sql).fetchone()
        return str(row[0]) if row else ""

    def pause_replay(self) -> None:
        self.execute("SELECT pg_wal_replay_pause()")
        deadline = time.monotonic() + REPLAY_SECONDS
        while self.execute("SELECT pg_get_wal_replay_pause_state()") != "paused" and time.monotonic() < deadline:
            time.sleep(0.01)

    def resume_replay(self) -> None:
        self.execute("SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Wait until the replica has everything the primary has now."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_wal_insert_lsn()")
            [position] = cursor.fetchone()
        deadline = time.monotonic() + REPLAY_SECONDS
        while self.execute(f"SELECT pg_last_wal_replay_lsn() >= '{position}'") != "True":
            assert time.monotonic() < deadline, "The replica does not catch up."
            time.sleep(0.01)


@pytest.fixture(scope="session")
def standby_server(django_db_setup: None) -> Iterator[Standby]:
    with scratch() as folder:
        server = Postgres(folder / "server", {"max_connections": "200", "fsync": "off"})
        server.follow(primary_host())
        server.start()
        yield Standby(server)
        server.stop()


@pytest.fixture
def standby(
    standby_server: Standby,
    transactional_db: None,
    django_db_blocker: DjangoDbBlocker,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Standby]:
    """The replica as the settings would name it, and as new as the test finds the database."""
    reached = replica_of(
        settings.DATABASES["default"],
        {"ENGINE": settings.DATABASES["default"]["ENGINE"], "HOST": str(standby_server.server.folder)},
    )
    reached["NAME"] = connection.settings_dict["NAME"]
    monkeypatch.setitem(connections.settings, reading.REPLICA, _with_defaults(reached))
    monkeypatch.setitem(router.__dict__, "routers", [reading.Router()])
    monkeypatch.setattr(reading, "_circuit_breaker", reading.CircuitBreaker())
    replica = connections[reading.REPLICA]
    # Django lets no test use what it did not make itself.
    monkeypatch.setattr(
        replica, "ensure_connection", partial(cast(Any, django_db_blocker)._real_ensure_connection, replica)
    )
    standby_server.catch_up()
    yield standby_server
    standby_server.resume_replay()
    replica.close()
    del connections[reading.REPLICA]


def _with_defaults(configured: dict[str, object]) -> dict[str, object]:
    """A connection's settings with the defaults that Django adds."""
    return dict(ConnectionHandler({"default": configured})["default"].settings_dict)


@pytest.fixture(scope="module")
def pooler_folder(django_db_setup: None) -> Iterator[Path]:
    """PgBouncer in transaction mode, with one connection for all. It ends with its tests: to others' rotations of keys, a pooler
    that is connected is a reason to refuse."""
    with scratch() as folder:
        bouncer = pgbouncer(folder / "bouncer", primary_host(), pool=1)
        bouncer.start()
        yield folder / "bouncer"
        bouncer.stop()
