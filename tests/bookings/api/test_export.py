"""The export of bookings as lines of JSON: complete, permitted, audited, and in little memory."""

import gzip
import json
import tracemalloc
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry
from bookings.api import base
from bookings.importing import export as exporting
from bookings.models import Booking
from stations.access import Counter
from stations.models import Station
from tests import factories
from tests.bookings.api.caller import Caller, failure, status_and_code
from tests.factories import FRIDAY, SATURDAY, booking

ANA = Contact("Ana García", "ana@example.com", "+12025550143")


def export(**query: Any) -> str:
    days = {"date_from": "2031-03-01", "date_to": "2031-03-31"}
    return f"/api/bookings/export?{urlencode({**days, **query}, doseq=True)}"


def lines(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200
    return [json.loads(line) for line in b"".join(answer).splitlines()]


@pytest.fixture
def integrator(station: Station, bar: Station) -> Caller:
    return Caller(factories.person(roles.INTEGRATORS, station, bar))


def test_export_holds_the_rows_of_the_calendar_one_a_line(integrator: Caller, station: Station, bar: Station) -> None:
    booking(station, SATURDAY, customer=ANA, special_requests="By the window\nplease")
    booking(bar, FRIDAY, party_kids=2)
    booking(station, date(2031, 4, 1))

    answer = integrator.get(export())

    assert answer.headers["Content-Type"] == "application/x-ndjson"
    month = integrator.get("/api/bookings/admin/monthly?date_from=2031-03-01&date_to=2031-03-31").json()
    assert lines(answer) == month["data"]
    assert len(month["data"]) == 2


def test_export_of_a_station_holds_no_other(integrator: Caller, station: Station, bar: Station) -> None:
    made = [booking(one) for one in (station, bar)]

    assert [row["booking_id"] for row in lines(integrator.get(export(station="bar")))] == [str(made[1].pk)]
    assert len(lines(integrator.get(export(station=["bar", "kitchen"])))) == 2


def test_export_of_nothing_is_empty(integrator: Caller) -> None:
    assert lines(integrator.get(export())) == []


def test_export_takes_any_range_of_days(integrator: Caller, station: Station) -> None:
    booking(station)

    assert len(lines(integrator.get(export(date_from="1900-01-01", date_to="2999-12-31")))) == 1


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"date_to": "x"}, 400, "invalid_date"),
        ({"date_to": ""}, 400, "invalid_date"),
        ({"date_to": "2031-02-01"}, 400, "invalid_range"),
        ({"colour": "red"}, 400, "invalid"),
        ({"station": "none", "date_to": "x"}, 404, "not_found"),
    ],
)
def test_export_is_refused_before_its_first_line_in_the_usual_shape(
    integrator: Caller, query: dict[str, str], status: int, code: str
) -> None:
    answer = integrator.get(export(**query))

    assert answer.headers["Content-Type"] == "application/json"
    assert status_and_code(answer) == (status, code)


def test_export_of_another_stations_is_not_found(station: Station, bar: Station) -> None:
    booking(bar)
    stranger = Caller(factories.person(roles.INTEGRATORS, station))

    assert failure(stranger.get(export(station="bar")))["status"] == 404
    assert lines(stranger.get(export())) == []


@pytest.mark.parametrize(
    "accept", ["application/x-ndjson", "application/x-ndjson, application/json", "application/json"]
)
def test_export_takes_each_kind_of_json_and_refuses_in_plain_json(integrator: Caller, accept: str) -> None:
    kinds = [integrator.get(export(**query), Accept=accept).headers["Content-Type"] for query in ({}, {"date_to": "x"})]

    assert kinds == ["application/x-ndjson", "application/json"]


@pytest.mark.parametrize("group", [roles.VIEWERS, roles.STAFF])
def test_export_is_for_those_who_may_export(station: Station, group: str) -> None:
    assert status_and_code(Caller(factories.person(group, station)).get(export())) == (403, "permission_denied")


def test_export_counts_as_a_request(integrator: Caller, settings: Any) -> None:
    settings.RATE_LIMIT = "1/minute"
    integrator.get(export())

    assert status_and_code(integrator.get(export())) == (429, "throttled")


def test_export_is_in_each_stations_audit_log_before_its_first_line(
    integrator: Caller, station: Station, bar: Station
) -> None:
    booking(station, customer=ANA)
    booking(bar, FRIDAY)
    booking(bar, SATURDAY)

    integrator.get(export())  # none of it is read

    found = AuditEntry.objects.filter(event="bookings_exported").order_by("station__code")
    assert [(entry.station, entry.changes["count"][1], entry.changes["first"][1]) for entry in found] == [
        (bar, 2, "2031-03-07"),
        (station, 1, "2031-03-07"),
    ]


def test_export_whose_head_alone_is_asked_for_reads_and_records_nothing(integrator: Caller, station: Station) -> None:
    booking(station)

    answer = integrator.call("HEAD", export())

    assert (answer.status_code, b"".join(answer)) == (200, b"")
    assert not AuditEntry.objects.filter(event="bookings_exported").exists()


def test_export_travels_compressed_for_a_token_and_not_for_a_session(station: Station) -> None:
    booking(station, customer=ANA)
    user = factories.person(roles.INTEGRATORS, station)

    by_token = Caller(user).get(export(), Accept_Encoding="gzip")
    by_session = Caller(user, session=True).get(export(), Accept_Encoding="gzip")

    assert by_token.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in by_session.headers
    assert gzip.decompress(b"".join(by_token)) == b"".join(by_session)


def test_export_takes_no_more_memory_for_more_bookings(station: Station) -> None:
    first, last = booking(station), datetime(2031, 3, 7, tzinfo=UTC)
    made = (
        Booking(
            station=station, date=FRIDAY, slot=first.slot, starts_at=last, ends_at=last + timedelta(hours=n % 9 + 1)
        )
        for n in range(3_000)
    )
    Booking.objects.bulk_create(made, batch_size=1_000)

    def peak(bookings: Any) -> int:
        tracemalloc.start()
        for _row in exporting.rows_of(bookings, roles.OPERATOR):
            pass
        _now, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few = Booking.objects.filter(pk__in=list(Booking.objects.values_list("pk", flat=True)[:600]))
    peak(few)  # what is kept for good is made here
    assert peak(Booking.objects.all()) < 2 * peak(few)


def test_export_costs_the_same_queries_for_1_and_50_bookings(integrator: Caller, station: Station) -> None:
    lines(integrator.get(export()))  # what is kept for good is read here
    counts = []
    for more in (1, 49):
        for number in range(more):
            booking(station, FRIDAY + timedelta(days=number % 20), time(18 + number // 20))
        with CaptureQueriesContext(connection) as queries:
            lines(integrator.get(export()))
        counts.append(len(queries))

    assert counts[0] == counts[1]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_export_is_held_to_the_callers_stations_by_the_database_while_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Should a query forget whose the stations are."""
    mine, theirs = factories.open_station(code="kitchen"), factories.open_station(code="bar")
    made, _other = booking(mine), booking(theirs)
    both = [Counter(station.pk, station.code, 0) for station in (mine, theirs)]
    monkeypatch.setattr(base, "visible_stations", lambda _request, *_codes: both)

    answer = Caller(factories.person(roles.INTEGRATORS, mine)).get(export())

    assert [row["booking_id"] for row in lines(answer)] == [str(made.pk)]
    assert [entry.station_id for entry in AuditEntry.objects.filter(event="bookings_exported")] == [mine.pk]
