"""PostgreSQL's own statement returns what the ORM returns, for each user and query; its plan uses indexes at any size."""

import re
from datetime import date, time
from typing import Any, Final
from unittest.mock import patch

import pytest
from django.db import connection

from accounts import customers, roles
from bookings.calendar import postgres_query, read_model
from bookings.models import Booking, Hold
from bookings.models.status import Status
from bookings.privacy import erasure
from stations.models import Station
from tests.factories import FRIDAY, SATURDAY, booking, crowd, open_station, person

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
ANA = customers.Contact("Ana García", "ana@example.com", "+1 202-555-0143")
OUT_OF_SIGHT = date(2031, 5, 2)


@pytest.fixture
def stations(db: None) -> list[Station]:
    """Two stations with a walk-in, an erased customer, special requests, two bookings in a slot, and one outside the dates."""
    kitchen, bar = open_station(code="kitchen"), open_station(code="bar", time_zone="America/New_York")
    booking(kitchen, customer=ANA, special_requests="By the window", party_kids=2, total_due_cents=9000)
    booking(kitchen, status=Status.PENDING)
    bo = customers.Contact("Bo Li", "bo@example.com", "")
    gone = booking(kitchen, SATURDAY, time(19), customer=bo, status=Status.CANCELLED)
    booking(kitchen, SATURDAY, time(17), status=Status.CANCELLED, slots=2)
    booking(kitchen, OUT_OF_SIGHT)
    booking(bar, FRIDAY, time(17), customer=ANA, source="website")
    assert gone.customer
    erasure.erase(gone.customer.pk, by=roles.OPERATOR)
    return [kitchen, bar]


def rows_between(asked: dict[str, Any], group: str, stations: list[Station], contact: bool) -> list[read_model.Row]:
    return read_model.rows_between(person(group, *stations), stations, FRIDAY, SATURDAY, contact=contact, **asked)


@pytest.mark.parametrize("group", [roles.VIEWERS, roles.STAFF])
@pytest.mark.parametrize("contact", [True, False])
@pytest.mark.parametrize("asked", [{}, {"status": "pending"}], ids=["all", "pending"])
@pytest.mark.parametrize("codes", [{"kitchen"}, {"kitchen", "bar"}, set()], ids=["one", "two", "none"])
def test_statement_shows_what_the_orm_shows(
    stations: list[Station], group: str, contact: bool, asked: dict[str, Any], codes: set[str]
) -> None:
    mine = [station for station in stations if station.code in codes]

    shown = rows_between(asked, group, mine, contact)

    with patch.object(postgres_query, "is_supported", return_value=False):
        assert shown == rows_between(asked, group, mine, contact)
    assert bool(shown) == bool(mine)


def test_statement_finds_one_customers_bookings(stations: list[Station]) -> None:
    made = Booking.objects.get(station=stations[0], party_kids=2)

    shown = rows_between({"customer_id": made.customer_id}, roles.STAFF, stations, True)

    assert [row.booking_id for row in shown] == [made.pk]


@pytest.fixture
def kitchen(stations: list[Station]) -> Station:
    """A station with unassigned bookings too, in the dates and outside, one of them arrived; one booking has lost its hold."""
    kitchen = stations[0]
    booking(kitchen, SATURDAY, time(18), slots=3, party_adults=4)
    lost = [booking(kitchen, day, time(19), customer=ANA, **more) for day, more in DISPLACED]
    Hold.objects.filter(booking__in=lost).delete()
    Booking.objects.filter(pk__in=[one.pk for one in lost]).update(needs_place=True)
    Hold.objects.filter(booking=booking(kitchen, FRIDAY, time(20))).delete()
    return kitchen


DISPLACED: list[tuple[date, dict[str, Any]]] = [
    (FRIDAY, {}), (SATURDAY, {"status": Status.PENDING}), (FRIDAY, {"status": Status.ARRIVED}), (OUT_OF_SIGHT, {}),
]  # fmt: skip


@pytest.mark.parametrize("group", [roles.VIEWERS, roles.STAFF])
@pytest.mark.parametrize(
    "asked", [{}, {"status": "pending"}, {"customer_id": OUT_OF_SIGHT}], ids=["all", "pending", "ana"]
)
def test_station_calendar_shows_what_the_orm_shows(kitchen: Station, group: str, asked: dict[str, Any]) -> None:
    if "customer_id" in asked:
        asked = {"customer_id": Booking.objects.get(station=kitchen, date=OUT_OF_SIGHT, needs_place=True).customer_id}
    who = person(group, kitchen)

    calendar = read_model.station_calendar(who, kitchen, FRIDAY, SATURDAY, **asked)

    with patch.object(postgres_query, "is_supported", return_value=False):
        assert calendar == read_model.station_calendar(who, kitchen, FRIDAY, SATURDAY, **asked)
    assert len(calendar.unassigned) == 3
    assert calendar.bookings
    assert [(cell.parties, cell.guests) for cell in calendar.slots[SATURDAY]] == [
        (0, 0),
        (1, 4),
        (1, 4),
        (1, 4),
        (0, 0),
    ]


def test_station_calendar_without_bookings_is_empty(stations: list[Station]) -> None:
    calendar = read_model.station_calendar(person(roles.STAFF, stations[1]), stations[1], OUT_OF_SIGHT, OUT_OF_SIGHT)

    assert (calendar.bookings, calendar.unassigned, [cell.parties for cell in calendar.slots[OUT_OF_SIGHT]]) == (
        [],
        [],
        [0] * 5,
    )


CALENDAR: Final = ["booking_calendar_of_station", "accounts_customer_pkey"]


def test_statement_walks_the_calendars_index_at_size(stations: list[Station]) -> None:
    crowd(stations[0], 20_000)
    columns = read_model._columns(personal=True, contact=True)

    plan = plan_of(postgres_query._build_bookings_sql(columns, True, False, False), [stations[0].pk, FRIDAY, SATURDAY])

    assert re.findall(r"using (\w+)", plan) == CALENDAR
    assert "Seq Scan" not in plan


def test_station_calendar_walks_indexes_at_size(stations: list[Station]) -> None:
    crowd(stations[0], 20_000)
    pk, columns = stations[0].pk, read_model._columns(personal=True, contact=False)

    plan = plan_of(
        postgres_query._build_station_calendar_sql(columns, False, False),
        [pk, FRIDAY, SATURDAY, pk, pk, FRIDAY, SATURDAY],
    )

    beside, ledger = ["booking_displaced", "accounts_customer_pkey"], ["hold_one_party_a_lane", "bookings_booking_pkey"]
    assert re.findall(r"using (\w+)", plan) == [*CALENDAR, *beside, *ledger]
    assert "Seq Scan" not in plan


def plan_of(text: str, values: list[Any]) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {text}", values)
        return "\n".join(line for (line,) in cursor.fetchall())
