"""How often a change waits for the database, and for what it does there: as long, others wait for its station."""

from collections.abc import Callable, Generator
from datetime import time
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection
from psycopg.waiting import Wait

from accounts import roles
from accounts.auth import principals
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.models import Booking
from bookings.models.status import Status
from bookings.services.inputs import Draft, Place
from stations.models import Station
from tests.factories import SATURDAY, booking, crowd, person

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

ANA = Contact("Ana García", "ana@example.com", "")
WAITS = 2
"""For the lock with all that has to be known, and for what is written with its COMMIT."""


@pytest.mark.parametrize("stack", [None, uuid4()], ids=["by token", "in a session"])
def test_move_waits_for_what_it_has_to_know_and_for_nothing_else(
    station: Station, monkeypatch: pytest.MonkeyPatch, stack: UUID | None
) -> None:
    made = booking(station, customer=ANA)
    staff = principals.load_principal(person(roles.STAFF, station).pk)
    assert staff
    staff.undo_stack = stack
    services.reschedule(made.pk, to=Place(SATURDAY, time(19)), by=staff)  # now known: what is asked once a process
    waited: list[bool] = []
    wait = psycopg.Connection.wait

    def counting(self: Any, steps: Generator[Any, Any, Any], *more: Any, **options: Any) -> Any:
        for_what: list[Any] = []
        try:
            return wait(self, _told(steps, for_what), *more, **options)
        finally:
            waited.append(Wait.R in for_what)

    monkeypatch.setattr(psycopg.Connection, "wait", counting)
    services.reschedule(made.pk, to=Place(SATURDAY, time(20)), by=staff)

    assert sum(waited) <= WAITS + 1  # for psycopg may let go of a plan, and an answer may be there before anybody waits


def _moved(made: Booking, by: User) -> None:
    for hour in (19, 20):
        services.reschedule(made.pk, to=Place(SATURDAY, time(hour)), by=by)


def _cancelled_and_restored(made: Booking, by: User) -> None:
    for status in (Status.CANCELLED, Status.CONFIRMED):
        services.change_status(made.pk, status, by=by)


def _edited(made: Booking, by: User) -> None:
    for adults in (2, 3):
        services.edit(made.pk, {"party_adults": adults}, by=by)


def _made_anew(made: Booking, by: User) -> None:
    draft = Draft(station=made.station.code, date=SATURDAY, slot=time(21), party_adults=2, customer=ANA)
    for _time in range(2):
        services.change_status(services.create(draft, by=by).pk, Status.CANCELLED, by=by)


@pytest.mark.parametrize("stack", [None, uuid4()], ids=["by token", "in a session"])
@pytest.mark.parametrize("changed", [_moved, _cancelled_and_restored, _edited, _made_anew])
def test_change_is_planned_once_and_not_each_time(
    station: Station, changed: Callable[[Booking, User], None], stack: UUID | None
) -> None:
    """psycopg prepares what it has sent five times; PostgreSQL plans that for its values five times, and from then on only where
    that looks cheaper."""
    made = booking(station, SATURDAY, time(20), customer=ANA)
    crowd(station, 20_000)
    staff = principals.load_principal(person(roles.STAFF, station).pk)
    assert staff
    staff.undo_stack = stack

    for _time in range(10):
        changed(made, staff)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT statement, custom_plans FROM pg_prepared_statements WHERE generic_plans + custom_plans > 7"
        )
        planned = dict(cursor.fetchall())
    assert len(planned) >= 7
    assert [text for text, times in planned.items() if times > 5] == []


def _told(steps: Generator[Any, Any, Any], for_what: list[Any]) -> Generator[Any, Any, Any]:
    """The steps of psycopg's, with what each waits for: to read, to write, or to do whichever comes first."""
    ready = None
    while True:
        try:
            for_what.append(steps.send(ready))
        except StopIteration as end:
            return end.value
        ready = yield for_what[-1]
