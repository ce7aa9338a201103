"""Lists read in pages while eight processes change bookings: none is missed, none appears twice."""

from collections import Counter
from collections.abc import Iterator
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import LazySettings
from django.db import connections, transaction

from accounts import roles
from bookings.models import Booking
from bookings.models.status import Status
from stations.models import Station
from tests import factories
from tests.bookings.api.caller import Caller
from tests.concurrency import run_concurrently
from tests.conftest import url_of_database
from tests.factories import FRIDAY, booking, open_station

LIST = "/api/bookings/"
PROCESSES = 8

Rows = list[dict[str, Any]]


def pages(api: Caller, **query: Any) -> Iterator[Rows]:
    address: str | None = f"{LIST}?{urlencode(query, doseq=True)}"
    while address:
        page = api.get(address).json()
        yield page["data"]
        address = page["next"]


def rows(api: Caller, **query: Any) -> Rows:
    return [row for page in pages(api, **query) for row in page]


class Mirror:
    """A copy of all bookings that asks for what has changed since the latest change that it knows."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def update(self, api: Caller) -> None:
        latest = max((row["updated_at"] for row in self.rows.values()), default="1900-01-01T00:00:00Z")
        for page in pages(api, updated_since=latest, limit=50):
            self.rows |= {row["booking_id"]: row for row in page}


@pytest.fixture
def stations(transactional_db: None, settings: LazySettings) -> list[Station]:
    settings.RATE_LIMIT = "1000000/minute"
    stations = [open_station(code=code, capacity=50) for code in ("kitchen", "bar", "cellar")]
    for number in range(120):
        booking(stations[number % 3], factories.FRIDAY, status=Status.CONFIRMED)
    return stations


@pytest.mark.race
@pytest.mark.parametrize("tries", [15, pytest.param(400, marks=pytest.mark.long)])
def test_lists_are_whole_while_others_write(stations: list[Station], tries: int) -> None:
    api, mirror, done = Caller(factories.person(roles.INTEGRATORS, *stations)), Mirror(), list[str]()
    codes = [station.code for station in stations]
    url = url_of_database()
    work = Thread(
        target=lambda: done.extend(
            run_concurrently(url, PROCESSES, str(tries), *codes, module="tests.bookings.api.writers")
        )
    )
    work.start()
    readings = 0
    while work.is_alive() or not readings:
        there = {str(pk) for pk in Booking.objects.values_list("pk", flat=True)}
        seen = Counter(row["booking_id"] for row in rows(api, sort="created", limit=20))
        assert {pk: seen[pk] for pk in there if seen[pk] != 1} == {}
        assert set(seen.values()) == {1}
        mirror.update(api)
        readings += 1
    work.join()
    mirror.update(api)

    assert mirror.rows == {row["booking_id"]: row for row in rows(api)}
    assert len(mirror.rows) == Booking.objects.count() > 120
    assert sum(map(int, done)) > PROCESSES * tries / 4


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_change_under_way_holds_back_what_is_newer_until_it_is_committed() -> None:
    kitchen, bar = open_station(code="kitchen"), open_station(code="bar")
    api = Caller(factories.person(roles.INTEGRATORS, kitchen, bar))
    since = booking(kitchen).updated_at.isoformat()

    def change_elsewhere() -> None:
        """The bar is changed by another connection, and stays so until the kitchen has changed, too."""
        with transaction.atomic():
            made.append(booking(bar))
            seen.append([row["booking_id"] for row in in_another_thread(book_and_read)])
        connections.close_all()

    def book_and_read() -> Rows:
        made.append(booking(kitchen, FRIDAY))
        return rows(api, updated_since=since, sort="updated")

    made: list[Booking] = []
    seen: list[list[str]] = []
    first = [row["booking_id"] for row in rows(api, updated_since=since)]
    thread = Thread(target=change_elsewhere)
    thread.start()
    thread.join()

    assert seen == [first]
    after = [row["booking_id"] for row in rows(api, updated_since=since)]
    assert after == [*first, *(str(one.pk) for one in made)]


def in_another_thread(work: Any) -> Any:
    """What the work returns, done on a connection of its own."""
    found: list[Any] = []

    def run() -> None:
        found.append(work())
        connections.close_all()

    thread = Thread(target=run)
    thread.start()
    thread.join()
    return found[0]
