"""Five weeks of base backups and archived WAL, and the recovery to a moment among them, by the files in deploy/."""

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from core.db import wal_archive
from tests.bookings.operations.archived_server import ArchivedServer
from tests.servers import scratch, wait_until

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("point in time")]

DAYS = 37
CHOSEN = 30
"""The day of the moment that is recovered."""
HEADER = "station,date,slot,customer_name,customer_email,external_ref\n"


class Month(NamedTuple):
    """The server at the end of it, when it began, the moment to recover, and every table's rows at that moment."""

    server: ArchivedServer
    began: datetime
    moment: datetime
    rows: dict[str, int]


@pytest.fixture(scope="module")
def month() -> Iterator[Month]:
    """From a Sunday on, so that each week begins with a full backup."""
    with scratch() as folder:
        server = ArchivedServer(folder)
        days_ago = DAYS + (datetime.now().isoweekday() - DAYS) % 7
        try:
            server.make(days_ago=days_ago)
            yield _lived(server, days_ago)
        finally:
            server.stop()


def _lived(server: ArchivedServer, days_ago: int) -> Month:
    began = moment = server.now()
    rows: dict[str, int] = {}
    for day in range(DAYS):
        server.set_clock(days_ago - day)
        server.base_backup()
        if day % 10 == 0:
            book(server, f"day-{day}")
        if day == CHOSEN:
            moment, rows = server.now(), rows_of(server.server.url)
            time.sleep(1)
            book(server, "later")
    return Month(server, began, moment, rows)


def book(server: ArchivedServer, reference: str) -> None:
    file = server.folder / f"{reference}.csv"
    file.write_text(f"{HEADER}kitchen,2031-03-07,18:00,Ana García,ana@example.com,{reference}\n")
    server.product("import_bookings", str(file), "--create-stations", "--set", "capacity=9")


def rows_of(url: str) -> dict[str, int]:
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT relname FROM pg_stat_user_tables ORDER BY 1").fetchall()
        counts = [connection.execute(SQL("SELECT count(*) FROM {}").format(Identifier(name))) for (name,) in tables]
        return {name: (count.fetchone() or [0])[0] for (name,), count in zip(tables, counts, strict=True)}


def references(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [ref for (ref,) in connection.execute("SELECT external_ref FROM bookings_booking ORDER BY created_at")]


def backups(month: Month) -> list[dict[str, Any]]:
    [stanza] = json.loads(month.server.info())
    found: list[dict[str, Any]] = stanza["backup"]
    return found


def test_backups_are_kept_for_four_weeks_and_not_for_longer_than_five(month: Month) -> None:
    begun = [datetime.fromtimestamp(one["timestamp"]["start"], month.began.tzinfo) for one in backups(month)]
    ages = [(month.server.now() - moment).days for moment in begun]

    assert sorted(ages) == [*range(len(ages))]
    assert 28 <= max(ages) < 35
    assert [one["error"] for one in backups(month)] == [False] * len(ages)


def test_recovery_to_a_moment_has_what_was_there_and_nothing_later(month: Month) -> None:
    with scratch() as folder:
        recovered = month.server.recovered(month.moment, folder / "recovered")
        try:
            assert rows_of(recovered.url) == month.rows
            assert references(recovered.url) == ["day-0", "day-10", "day-20", "day-30"]
            assert references(month.server.server.url)[-1] == "later"

            told = month.server.product("after_restore", url=recovered.url).splitlines()

            assert told[-1] == "Start servers and workers."
            assert month.server.product("verify_holds", url=recovered.url)
        finally:
            recovered.stop()


def test_recovery_to_before_the_oldest_backup_is_refused(month: Month) -> None:
    with scratch() as folder, pytest.raises(RuntimeError, match="unable to find backup set with stop time"):
        month.server.recovered(month.began + timedelta(hours=1), folder / "recovered")


def test_repository_holds_nothing_that_can_be_read(month: Month) -> None:
    files = [path for path in (month.server.folder / "repository").rglob("*") if path.is_file()]

    assert len(files) > DAYS
    assert [path for path in files if b"stationbook" in path.read_bytes() or b"kitchen" in path.read_bytes()] == []


def failing_seconds(url: str) -> float:
    with psycopg.connect(url) as connection:
        [seconds] = connection.execute(wal_archive.FAILING_SECONDS).fetchone() or [None]
    assert isinstance(seconds, float)
    return seconds


def test_archive_that_cannot_be_written_is_reported_until_it_can(month: Month) -> None:
    url, repository = month.server.server.url, month.server.folder / "repository"
    month.server.set_clock(0)  # the archiver's own clock is not put back
    assert failing_seconds(url) == 0

    away = repository.rename(repository.with_name("away"))
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE changed (); SELECT pg_switch_wal()")
    wait_until(lambda: failing_seconds(url) > 0, "The alert")
    away.rename(repository)

    wait_until(lambda: failing_seconds(url) == 0, "The archive", seconds=120)
