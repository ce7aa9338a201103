"""PostgreSQL's own statement shows what the ORM shows of the same bookings, to whoever asks, however they ask; and its plan walks
the calendar's index, however many customers there are."""

import re
from datetime import date, time
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection

from accounts import customers, roles
from bookings import calendar, privacy, statement
from bookings.models import Booking
from bookings.workflow import Status
from stations.models import Station
from tests.factories import FRIDAY, SATURDAY, booking, open_station, person

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
ANA = customers.Contact("Ana García", "ana@example.com", "+1 202-555-0143")
OUT_OF_SIGHT = date(2031, 5, 2)


@pytest.fixture
def stations(db: None) -> list[Station]:
    """With a walk-in, somebody erased, wishes and none, two in a slot, one out of sight, and one at the other station."""
    kitchen, bar = open_station(code="kitchen"), open_station(code="bar", time_zone="America/New_York")
    booking(kitchen, customer=ANA, special_requests="By the window", party_kids=2, total_due_cents=9000)
    booking(kitchen, status=Status.PENDING)
    bo = customers.Contact("Bo Li", "bo@example.com", "")
    gone = booking(kitchen, SATURDAY, time(19), customer=bo, status=Status.CANCELLED)
    booking(kitchen, SATURDAY, time(17), status=Status.CANCELLED, slots=2)
    booking(kitchen, OUT_OF_SIGHT)
    booking(bar, FRIDAY, time(17), customer=ANA, source="website")
    assert gone.customer
    privacy.erase(gone.customer.pk, by=roles.OPERATOR)
    return [kitchen, bar]


def told(asked: dict[str, Any], group: str, stations: list[Station], contact: bool) -> list[calendar.Row]:
    return calendar.rows(person(group, *stations), stations, FRIDAY, SATURDAY, contact=contact, **asked)


@pytest.mark.parametrize("group", [roles.VIEWERS, roles.STAFF])
@pytest.mark.parametrize("contact", [True, False])
@pytest.mark.parametrize("asked", [{}, {"status": "pending"}], ids=["all", "pending"])
@pytest.mark.parametrize("codes", [{"kitchen"}, {"kitchen", "bar"}, set()], ids=["one", "two", "none"])
def test_statement_shows_what_the_orm_shows(
    stations: list[Station], group: str, contact: bool, asked: dict[str, Any], codes: set[str]
) -> None:
    mine = [station for station in stations if station.code in codes]

    shown = told(asked, group, mine, contact)

    with patch.object(statement, "is_spoken", return_value=False):
        assert shown == told(asked, group, mine, contact)
    assert bool(shown) == bool(mine)


def test_statement_finds_one_customers_bookings(stations: list[Station]) -> None:
    made = Booking.objects.get(station=stations[0], party_kids=2)

    shown = told({"customer_id": made.customer_id}, roles.STAFF, stations, True)

    assert [row.booking_id for row in shown] == [made.pk]


def test_statement_walks_the_calendars_index_at_size(stations: list[Station]) -> None:
    _crowd(stations[0], 20_000)
    columns = calendar._columns(private=True, contact=True)

    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + statement._worded(columns, True, False, False), [stations[0].pk, FRIDAY, SATURDAY])
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert re.findall(r"using (\w+)", plan) == ["booking_calendar_of_station", "accounts_customer_pkey"]
    assert "Seq Scan" not in plan


def _crowd(station: Station, count: int) -> None:
    """So many bookings and customers more, over some years, by the database itself."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_customer (id, station_id, name, email, email_bounced, phone, phone_is_valid, language, notes,"
            " created_at, updated_at) SELECT md5(n::text)::uuid, %s, '', '', false, '', true, '', '', now(), now()"
            " FROM generate_series(1, %s) n",
            [station.pk, count],
        )
        cursor.execute(
            "INSERT INTO bookings_booking (id, station_id, customer_id, date, slot, slots, starts_at, ends_at, status,"
            " needs_place, party_adults, party_kids, total_due_cents, deposit_due_cents, source, external_ref, version,"
            " created_at, updated_at) SELECT md5(n::text)::uuid, %s, md5(n::text)::uuid, date '2028-01-01' + n %% 1500, '18:00',"
            " 1, now(), now() + interval '1 hour', 'cancelled', false, 1, 0, 0, 0, '', '', 1, now(), now()"
            " FROM generate_series(1, %s) n",
            [station.pk, count],
        )
        cursor.execute("ANALYZE bookings_booking, accounts_customer")
