"""From SQLite to PostgreSQL: what is there then, what is proved, and what is refused."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time as clock
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.contrib.sessions.models import Session as DjangoSession
from django.db import connection, models

from accounts.models import ApiKey, Customer, Session, User
from accounts.rls import policies
from bookings.models import Booking
from bookings.operations.backup import database_move, inventory
from core.parent_death import POLL_SECONDS
from stations.models import Station
from tests.bookings.importing.commands import Run, run
from tests.factories import booking
from tests.servers import ROOT, Postgres, scratch, wait_until

Query = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def made_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "stationbook.sqlite3"
    environment = settings_for(f"sqlite:///{path}")
    subprocess.run(
        [sys.executable, "-m", "tests.bookings.operations.sqlite_source"], env=environment, cwd=ROOT, check=True
    )
    return path


@pytest.fixture
def source(made_source: Path, tmp_path: Path) -> Path:
    """The SQLite file of a business, for one test to change."""
    for path in made_source.parent.iterdir():
        shutil.copy(path, tmp_path / path.name)
    return tmp_path / made_source.name


def settings_for(database_url: str) -> dict[str, str]:
    return os.environ | {"DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "tests.settings"}


def change(source: Path, sql: str) -> None:
    with closing(sqlite3.connect(source)) as opened, opened:
        opened.execute(sql)


def refused(source: Path) -> str:
    """What the refusal says; nothing is there then."""
    done = run("load_sqlite", source)

    assert done.status == 1
    assert not any(one._base_manager.exists() for one in (Station, User, Booking, Customer))
    return done.err


def stored(model: type[models.Model], query: Query) -> list[list[Any]]:
    """Every row of a table, as SQLite stores it."""
    fields = model._meta.local_concrete_fields
    found = query(f"SELECT {', '.join(str(field.column) for field in fields)} FROM {model._meta.db_table}")
    return sorted(
        ([as_stored(field, value) for field, value in zip(fields, row, strict=True)] for row in found), key=repr
    )


def as_stored(field: "models.Field[Any, Any]", value: Any) -> Any:
    match value:
        case bool():
            return int(value)
        case UUID():
            return value.hex
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
        case date() | time():
            return value.isoformat()
        case str() if isinstance(field, models.JSONField):
            return json.loads(value)
        case _:
            return value


def tables_of(source: Path) -> set[str]:
    """Those that are compared."""
    with closing(sqlite3.connect(source)) as opened:
        found = opened.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return {name for (name,) in found} - {*inventory.NOT_COUNTED}


def by_django(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


@pytest.mark.postgresql
def test_move_brings_every_row_but_sessions_as_it_was_and_says_so(transactional_db: None, source: Path) -> None:
    done = run("load_sqlite", source)

    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[2:5] == [
        f"{len(tables_of(source))} tables hold as many rows as before.",
        "The audit log's 3 chains end as before.",
        "Every entry of the audit log is as it was written, bookings and ledger agree, and every encrypted value can be read.",
    ]
    with closing(sqlite3.connect(source)) as opened:
        for model in database_move.moved_models():
            before = stored(model, lambda sql: opened.execute(sql).fetchall())
            assert stored(model, by_django) == before, model._meta.label
        assert opened.execute("SELECT count(*) FROM accounts_session").fetchone() != (0,)
    assert (Session.objects.count(), DjangoSession.objects.count()) == (0, 0)


@pytest.mark.postgresql
def test_moved_database_is_worked_with_at_once(transactional_db: None, source: Path) -> None:
    """No key is given twice, not even that of somebody who was deleted."""
    run("load_sqlite", source)
    with closing(sqlite3.connect(source)) as opened:
        [(highest,)] = opened.execute("SELECT seq FROM sqlite_sequence WHERE name = 'accounts_user'")

    made = booking(Station.objects.get(code="kitchen"))
    added = User.objects.create(email="new@example.com", name="New")

    assert (made.version, added.pk) == (1, highest + 1)
    assert ApiKey.objects.get().name == "Shop"
    assert [run(name).status for name in ("verify_holds", "verify_audit")] == [0, 0]


@pytest.mark.postgresql
def test_moved_database_has_its_policies(transactional_db: None, source: Path) -> None:
    run("load_sqlite", source)

    standing = policies._existing_stamps([one.table for one in policies.protected_tables()])

    assert standing == {one.table: policies._stamp(one) for one in policies.protected_tables()}


@pytest.mark.postgresql
def test_database_that_is_not_empty_is_refused_and_stays_as_it_is(transactional_db: None, source: Path) -> None:
    user = User.objects.create(email="here@example.com", name="Here")

    done = run("load_sqlite", source)

    assert done.status == 1
    assert "is not empty: it has the table accounts_auditentry." in done.err
    assert [*User.objects.all()] == [user]


@pytest.mark.postgresql
def test_database_of_somebody_else_is_refused(transactional_db: None, source: Path) -> None:
    by_django_do("CREATE TABLE theirs (id int)")
    try:
        assert "is not empty: it has the table theirs." in refused(source)
    finally:
        by_django_do("DROP TABLE theirs")


def by_django_do(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.postgresql
def test_source_that_somebody_uses_is_refused(transactional_db: None, source: Path, monkeypatch: Any) -> None:
    """A server that has the file open, even when it is idle."""
    monkeypatch.setattr("bookings.operations.backup.sqlite_source.LOCK_TIMEOUT_SECONDS", 0.1)
    with closing(sqlite3.connect(source)) as opened:
        opened.execute("PRAGMA journal_mode=WAL")
        opened.execute("SELECT count(*) FROM accounts_user").fetchall()

        assert refused(source) == f"{source} is in use. Stop servers and workers, and run this again."


@pytest.mark.postgresql
@pytest.mark.parametrize("content", [None, b"", b"no database" * 1_000], ids=["missing", "empty", "other"])
def test_file_that_is_no_database_of_the_product_is_refused(
    transactional_db: None, content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "other.sqlite3"
    if content is not None:
        path.write_bytes(content)

    assert refused(path)


@pytest.mark.postgresql
def test_source_of_another_release_is_refused(transactional_db: None, source: Path) -> None:
    change(source, "DELETE FROM django_migrations WHERE app = 'stations' AND name = '0005_versions'")

    assert refused(source) == (
        "The SQLite database was made by an older release, which differs by stations.0005_versions. Use it with that "
        "release, then upgrade."
    )


@pytest.mark.postgresql
def test_source_that_was_tampered_with_moves_nothing(transactional_db: None, source: Path) -> None:
    change(source, "UPDATE accounts_auditentry SET event = 'x' WHERE number = 1 AND station_id IS NOT NULL")

    told = refused(source).splitlines()

    assert told[0].startswith("Entry 1 of station ")
    assert told[-1] == "Nothing was moved. Mend that where the data is, and run this again."


@pytest.mark.postgresql
@pytest.mark.long
def test_move_that_was_killed_left_nothing_and_is_done_again(
    transactional_db: None, source: Path, database_url: str
) -> None:
    command = [sys.executable, "-m", "tests.bookings.operations.killed_command", "load_sqlite", str(source)]
    killed = subprocess.run(command, env=settings_for(database_url), cwd=ROOT, check=False)
    left = User.objects.count()

    assert (killed.returncode, left) == (-signal.SIGKILL, 0)
    assert run("load_sqlite", source).status == 0


@pytest.mark.sqlite
def test_target_that_is_no_postgresql_is_refused(db: None, tmp_path: Path) -> None:
    done = run("load_sqlite", tmp_path / "any")

    assert done.err.startswith("DATABASE_URL does not name PostgreSQL.")


@pytest.mark.postgresql
def test_product_that_is_on_postgresql_already_is_not_moved(db: None) -> None:
    assert "PostgreSQL already" in run("move_to", "postgres://stationbook@/other").err


@pytest.fixture
def empty_server() -> Iterator[Postgres]:
    with scratch() as folder:
        server = Postgres(folder / "server", {"fsync": "off"})
        server.make()
        server.start()
        yield server
        server.stop()


@pytest.mark.long
def test_move_to_a_new_server_by_its_address(made_source: Path, empty_server: Postgres) -> None:
    done = moved(made_source, empty_server.url)

    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[0] == "The tables are there."
    assert "is not empty" in moved(made_source, empty_server.url).err


@pytest.mark.long
def test_move_whose_command_was_killed_left_nothing(made_source: Path, empty_server: Postgres) -> None:
    """In the middle of the rows: somebody else keeps one table locked."""
    run_on(empty_server, "migrate", "--verbosity", "0")
    with psycopg.connect(empty_server.url) as opened:
        opened.execute("LOCK TABLE bookings_hold")
        command = subprocess.Popen(command_for(empty_server.url), env=settings_for(f"sqlite:///{made_source}"))
        wait_until(lambda: waits_for_a_lock(empty_server.url), "The move")
        command.kill()
        command.wait()
        clock.sleep(2 * POLL_SECONDS)

    assert moved(made_source, empty_server.url).status == 0


def waits_for_a_lock(url: str) -> bool:
    with psycopg.connect(url) as opened:
        asked = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')"
        return opened.execute(asked).fetchone() == (True,)


def run_on(server: Postgres, *words: str) -> None:
    command = [sys.executable, str(ROOT / "manage.py"), *words]
    subprocess.run(command, env=settings_for(server.url), check=True)


def command_for(url: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), "move_to", url]


def moved(source: Path, url: str) -> Run:
    """By the command, which reads the address from its standard input."""
    environment = settings_for(f"sqlite:///{source}")
    done = subprocess.run(
        command_for("-"), env=environment, input=f"{url}\n", capture_output=True, text=True, check=False
    )
    return Run(done.returncode, done.stdout, done.stderr)
