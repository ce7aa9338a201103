"""Pipelined statements on PostgreSQL: what is sent when, and the private names of psycopg that this relies on."""

from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from psycopg import Connection, Pipeline

from bookings.models import Booking
from core.db.sql import execute, fetch, pipeline
from stations.models import Station
from tests.factories import booking

NOTE = "UPDATE bookings_booking SET source = %s"


def test_private_names_of_psycopg_are_there() -> None:
    """`core.db.postgresql.base.BufferedPipeline` sets the one and overrides the other."""
    assert "_pipeline" in Connection.__annotations__
    assert callable(Pipeline._communicate_gen)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_statement_is_not_sent_before_a_result_is_needed(station: Station) -> None:
    booking(station)
    with transaction.atomic(), pipeline():
        execute(NOTE, ["buffered"])
        assert "buffered" not in _last_statement_of(connection.connection.pgconn.backend_pid)
        [[source]] = fetch("SELECT source FROM bookings_booking", [])

    assert source == "buffered"


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("flush_on_commit", [False, True])
def test_result_read_in_the_middle_leaves_the_transaction_open(station: Station, flush_on_commit: bool) -> None:
    booking(station)
    with transaction.atomic(), pipeline(flush_on_commit=flush_on_commit):
        execute(NOTE, ["first"])
        found = fetch("SELECT source FROM bookings_booking", [])
        execute(NOTE, ["second"])
        fetch("SELECT 1", [])

    connection.close()
    assert [[*row] for row in found] == [["first"]]
    assert Booking.objects.get().source == "second"


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_pipeline_of_an_isolated_transaction_begins_as_psycopg_does(station: Station) -> None:
    booking(station)
    connection.ensure_connection()
    connection.connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    try:
        with transaction.atomic(), pipeline():
            [[level]] = fetch("SHOW transaction_isolation", [])
    finally:
        connection.close()

    assert level == "repeatable read"


def _last_statement_of(pid: int) -> str:
    with psycopg.connect(**_parameters()) as other:
        [text] = other.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() or [""]
    return str(text)


def _parameters() -> dict[str, Any]:
    return {name: connection.get_connection_params()[name] for name in ("dbname", "user", "host")}
