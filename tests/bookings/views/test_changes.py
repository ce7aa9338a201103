"""What changed at a station on a day: grouped and counted, by names and the station's clock."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings import day_changes, services
from bookings.models import Booking, Mail
from bookings.models.mail_state import Kind, Problem, State
from bookings.models.status import Status
from bookings.services import Place
from stations.models import Station
from tests.factories import FRIDAY, SATURDAY, booking, bookings, open_station, person

NORA = Contact("Nora Silva", "nora@example.com")
EVENING = datetime(2031, 3, 7, 18, 30, tzinfo=UTC)
"""19:30 in Berlin."""


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(EVENING, tick=False) as traveller:
        yield traveller


@pytest.fixture
def visitor(clock: time_machine.Traveller, staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def changed(visitor: Client, **query: str) -> str:
    return visitor.get("/calendar/changes/", {"station": "kitchen", **query}).content.decode()


def tally(html: str) -> dict[str, int]:
    found = re.findall(r'<a href="#(\w+)">[^<]*<strong>(\d+)<', html)
    return {name: int(count) for name, count in found}


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_changes_are_grouped_and_counted(visitor: Client, station: Station) -> None:
    max_ = person(roles.STAFF, station, name="Max Mustermann")
    made, other, third = (booking(station, SATURDAY, customer=NORA) for _n in range(3))
    services.reschedule(made.pk, to=Place(SATURDAY, time(20)), by=max_)
    services.change_status(other.pk, Status.CANCELLED, by=max_)
    services.change_status(third.pk, Status.COMPLETED, by=max_)
    services.edit(made.pk, {"party_adults": 5}, by=max_)

    html = changed(visitor)

    assert tally(html) == {"new": 3, "moved": 1, "cancelled": 1, "status": 1, "edited": 1}
    assert "19:30 Nora Silva Sat 8 Mar 2031 18:00 → 20:00" in text_of(html).replace("Sat 8 Mar 2031 20:00", "20:00")
    assert "by Max Mustermann" in text_of(html)


def test_day_is_the_stations(visitor: Client, station: Station, staff: User, clock: time_machine.Traveller) -> None:
    clock.move_to(datetime(2031, 3, 7, 22, 59, tzinfo=UTC))
    booking(station)
    clock.move_to(datetime(2031, 3, 7, 23, 1, tzinfo=UTC))  # 0:01 in Berlin
    for _n in range(2):
        booking(station, SATURDAY)
    visitor = Client()
    visitor.force_login(staff)

    assert tally(changed(visitor)) == {"new": 2}
    assert tally(changed(visitor, date=str(FRIDAY))) == {"new": 1}


def test_many_changes_are_counted_and_the_latest_listed(visitor: Client, station: Station) -> None:
    crowded = open_station(code="hall", capacity=100)
    bookings(60, crowded)

    [group] = day_changes.changes_on(crowded, FRIDAY, roles.OPERATOR)

    assert (group.name, group.count, len(group.changes), group.unlisted) == ("new", 60, 50, 10)


def test_number_of_queries_does_not_depend_on_changes(visitor: Client, station: Station) -> None:
    booking(station, customer=NORA)
    changed(visitor)
    with CaptureQueriesContext(
        connection,
    ) as few:
        changed(visitor)
    for _n in range(2):
        booking(station, SATURDAY, customer=NORA)
    changed(visitor)
    with CaptureQueriesContext(connection) as more:
        changed(visitor)

    assert len(more) == len(few) <= 14


def test_customers_who_were_not_told_are_counted(visitor: Client, station: Station) -> None:
    made = booking(station, customer=NORA)
    failed = {"kind": Kind.MADE, "state": State.FAILED, "problem": Problem.REFUSED, "due_at": EVENING}
    Mail.objects.create(booking=made, station=station, **failed)

    assert "Customers not told yet 1" in text_of(changed(visitor))


def test_other_stations_are_left_out(visitor: Client, station: Station) -> None:
    booking(open_station(code="court"))

    assert tally(changed(visitor)) == {}
    assert "Nothing was changed." in changed(visitor)
    assert visitor.get("/calendar/changes/", {"station": "court"}).status_code == 404


def test_booking_that_left_for_another_station_is_named_no_more(visitor: Client, station: Station) -> None:
    court = open_station(code="court")
    made = booking(station, customer=NORA)
    services.reschedule(made.pk, to=Place(SATURDAY, time(18), court.code), by=roles.OPERATOR)

    html = changed(visitor)

    assert tally(html) == {"new": 1, "moved": 1}
    assert "Nora" not in html
    assert str(made.pk) not in html
    assert "court" not in html
    assert Booking.objects.get().station == court


def test_viewers_see_initials(visitor: Client, station: Station) -> None:
    booking(station, customer=NORA)
    visitor.force_login(person(roles.VIEWERS, station))

    html = changed(visitor)

    assert "Nora" not in html
    assert "N. S." in html
