"""Calendars from a streaming replica: nothing is shown late, whatever becomes of the replica."""

import re
import time as clock
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import time
from typing import Any, cast

import pytest
from django.db import connections
from django.test import Client

from accounts import roles
from accounts.auth.authentication import issue_tokens
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.calendar import read_model, replica
from bookings.models import Booking
from bookings.services.inputs import Place
from stations.models import Station
from tests.cluster.conftest import Standby
from tests.factories import booking, open_station, person

pytestmark = [pytest.mark.postgresql, pytest.mark.xdist_group("standby")]


@contextmanager
def read_from() -> Iterator[list[str]]:
    """The connections that bookings are read from meanwhile."""
    asked: list[str] = []

    def listen(name: str) -> Callable[..., Any]:
        def look(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
            if re.search(r'FROM "?bookings_booking', sql):
                asked.append(name)
            return execute(sql, params, many, context)

        return look

    with (
        connections["default"].execute_wrapper(listen("primary")),
        connections["replica"].execute_wrapper(listen("replica")),
    ):
        yield asked


def weekly(who: User, day: object) -> Any:
    address = f"/api/bookings/admin/weekly?date_from={day}&date_to={day}"
    headers = {"Authorization": f"Bearer {issue_tokens(who)['access']}"}
    return Client().get(address, headers=headers)


def seen(who: User, day: object) -> dict[str, str]:
    """What the weekly calendar says: each booking with its slot."""
    return {row["booking_id"]: row["slot"] for row in weekly(who, day).json()["data"]}


@pytest.fixture
def made(standby: Standby) -> Booking:
    found = booking(open_station(code="kitchen"), customer=Contact("Ana"))
    standby.catch_up()
    return found


def moved(made: Booking, who: User) -> Booking:
    return services.reschedule(made.pk, to=Place(made.date, time(20)), by=who).booking


@pytest.fixture
def staff(made: Booking) -> User:
    return person(roles.STAFF, made.station)


def test_calendar_is_read_from_a_replica_that_is_as_new(made: Booking, staff: User) -> None:
    with read_from() as asked:
        found = seen(staff, made.date)

    assert (found, asked) == ({str(made.pk): "18:00"}, ["replica"])


def test_page_is_read_from_the_replica_too(made: Booking, staff: User) -> None:
    client = Client()
    client.force_login(staff)
    with read_from() as asked:
        page = client.get(f"/calendar/week/?station=kitchen&date={made.date}").content.decode()

    assert str(made.pk) in page
    assert set(asked) == {"replica"}


def test_own_write_is_seen_while_the_replica_is_behind(standby: Standby, made: Booking, staff: User) -> None:
    standby.pause_replay()
    moved(made, staff)
    with read_from() as asked:
        found = seen(staff, made.date)

    assert (found, asked) == ({str(made.pk): "20:00"}, ["primary"])


def test_colleagues_write_is_seen_while_the_replica_is_behind(standby: Standby, made: Booking, staff: User) -> None:
    standby.pause_replay()
    moved(made, staff)

    assert seen(person(roles.STAFF, made.station), made.date) == {str(made.pk): "20:00"}


@pytest.mark.long
def test_write_at_another_station_sends_nobody_else_to_the_primary(
    standby: Standby, made: Booking, staff: User
) -> None:
    other = open_station(code="bar")
    standby.catch_up()
    standby.pause_replay()
    booking(other)
    with read_from() as asked:
        seen(staff, made.date)

    assert asked == ["replica"]


def test_replica_is_read_again_once_it_has_caught_up(standby: Standby, made: Booking, staff: User) -> None:
    standby.pause_replay()
    moved(made, staff)
    standby.resume_replay()
    standby.catch_up()
    with read_from() as asked:
        found = seen(staff, made.date)

    assert (found, asked) == ({str(made.pk): "20:00"}, ["replica"])


def test_station_taken_away_is_closed_at_once_though_the_replica_does_not_know(
    standby: Standby, made: Booking, staff: User
) -> None:
    standby.pause_replay()
    staff.stations.clear()

    assert weekly(staff, made.date).status_code == 403


def test_station_just_given_is_open_at_once_though_the_replica_does_not_know(standby: Standby, made: Booking) -> None:
    new = person(roles.STAFF)
    standby.catch_up()
    standby.pause_replay()
    new.stations.add(made.station)

    assert seen(new, made.date) == {str(made.pk): "18:00"}


def test_etag_of_an_answer_from_the_replica_holds_at_the_primary(
    standby: Standby, made: Booking, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = weekly(staff, made.date)
    monkeypatch.delitem(connections.settings, replica.REPLICA)
    primary = weekly(staff, made.date)

    assert (near["ETag"], near.content) == (primary["ETag"], primary.content)


def test_replica_stands_behind_the_wall_as_well(standby: Standby, made: Booking, staff: User) -> None:
    """A query that forgot to ask whose the rows are sees the stations that were asked for, and no other."""
    booking(open_station(code="bar"))
    standby.catch_up()
    kitchen = [Station.objects.get(code="kitchen")]

    assert replica.read_from_replica(staff, kitchen, lambda: [one.pk for one in Booking.objects.all()]) == [made.pk]


def test_connection_to_the_replica_carries_nothing_over(standby: Standby, made: Booking, staff: User) -> None:
    def asked() -> tuple[str, str]:
        with connections[replica.REPLICA].cursor() as cursor:
            cursor.execute("SELECT current_user, coalesce(current_setting('stationbook.stations', true), '')")
            return cast("tuple[str, str]", cursor.fetchone())

    before = asked()
    seen(staff, made.date)

    assert asked() == before


def test_replica_that_is_gone_is_no_error_and_is_not_asked_again_at_once(
    standby: Standby, made: Booking, staff: User, caplog: pytest.LogCaptureFixture
) -> None:
    standby.server.stop()
    try:
        answers = [seen(staff, made.date) for _again in range(3)]
    finally:
        standby.server.start()

    assert answers == [{str(made.pk): "18:00"}] * 3
    assert [record.message for record in caplog.records if record.name == "bookings.calendar.replica"] == [
        "The replica does not answer (OperationalError): the primary does."
    ]


@pytest.mark.long
def test_replica_that_fails_in_the_middle_is_no_error(
    standby: Standby, made: Booking, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = read_model.rows_between

    def broken_off(*asked: Any, **more: Any) -> Any:
        if replica.alias() == replica.REPLICA:
            pid = connections[replica.REPLICA].connection.info.backend_pid
            standby.execute(f"SELECT pg_terminate_backend({pid})")
        return rows(*asked, **more)

    monkeypatch.setattr(read_model, "rows_between", broken_off)

    assert seen(staff, made.date) == {str(made.pk): "18:00"}


@pytest.mark.long
def test_replica_is_asked_again_after_a_pause(
    standby: Standby, made: Booking, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "RETRY_SECONDS", 0.05)
    standby.server.stop()
    try:
        seen(staff, made.date)
    finally:
        standby.server.start()
    clock.sleep(0.1)
    with read_from() as asked:
        seen(staff, made.date)

    assert asked == ["replica"]


def test_one_request_tries_the_replica_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    breaker = replica.CircuitBreaker()
    monkeypatch.setattr(replica, "RETRY_SECONDS", 0.01)
    breaker.open()
    clock.sleep(0.02)
    monkeypatch.setattr(replica, "RETRY_SECONDS", 10)

    assert [breaker.allows_request() for _someone in range(3)] == [True, False, False]


@pytest.mark.long
def test_writes_go_to_the_primary_whatever_they_were_read_from(standby: Standby, made: Booking, staff: User) -> None:
    kitchen = [Station.objects.get(code="kitchen")]
    [found] = replica.read_from_replica(staff, kitchen, lambda: list(Booking.objects.all()))
    found.source = "telephone"
    found.save(update_fields=["source"])

    assert found._state.db == "default"
    assert Booking.objects.get().source == "telephone"
