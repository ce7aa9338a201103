"""How often a change waits for the database: as long, others wait for its station."""

from collections.abc import Generator
from datetime import time
from typing import Any

import psycopg
import pytest
from psycopg.waiting import Wait

from accounts import callers, roles
from accounts.customers import Contact
from bookings import services
from bookings.drafts import Place
from stations.models import Station
from tests.factories import SATURDAY, booking, person

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

WAITS = 2
"""For the lock with all that has to be known, and for what is written with its COMMIT."""


def test_move_waits_for_what_it_has_to_know_and_for_nothing_else(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com", ""))
    staff = callers.known(person(roles.STAFF, station).pk)
    assert staff
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


def _told(steps: Generator[Any, Any, Any], for_what: list[Any]) -> Generator[Any, Any, Any]:
    """The steps of psycopg's, with what each waits for: to read, to write, or to do whichever comes first."""
    ready = None
    while True:
        try:
            for_what.append(steps.send(ready))
        except StopIteration as end:
            return end.value
        ready = yield for_what[-1]
