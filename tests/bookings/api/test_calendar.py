"""The weekly and monthly calendar of the API."""

import gc
from datetime import date, time, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts import customers, roles
from accounts.audit import bulk_reads
from accounts.customers import Contact
from accounts.encryption import DecryptionError
from accounts.models import User
from bookings import services
from bookings.models import Booking
from bookings.models.status import Status
from stations.models import Station
from tests import factories
from tests.bookings.api.caller import Caller, failure, status_and_code
from tests.factories import FRIDAY, SATURDAY, booking

ANA = Contact("Ana García", "ana@example.com", "+1 202-555-0143")


def weekly(first: str = "2031-03-03", last: str = "2031-03-09", **query: str) -> str:
    return f"/api/bookings/admin/weekly?{urlencode({'date_from': first, 'date_to': last, **query})}"


def monthly(first: str = "2031-03-01", last: str = "2031-04-11", **query: str) -> str:
    return f"/api/bookings/admin/monthly?{urlencode({'date_from': first, 'date_to': last, **query})}"


def row_of(made: Booking, **changed: Any) -> dict[str, Any]:
    """The row of a booking of Ana's, Friday at six in Berlin."""
    return {
        "booking_id": str(made.pk),
        "customer": {
            "customer_id": str(made.customer_id),
            "email": "ana@example.com",
            "name": "Ana García",
            "phone": "+12025550143",
            "flags": [],
        },
        "date": "2031-03-07",
        "slot": "18:00",
        "total_guests": 3,
        "status": "confirmed",
        "total_due_cents": 9000,
        "balance_due_cents": 7500,
        "special_requests": "By the window\nplease",
        "source": "website",
        "created_at": made.created_at.isoformat(),
        "updated_at": made.updated_at.isoformat(),
        "station": "kitchen",
        "starts_at": "2031-03-07T17:00:00+00:00",
        "ends_at": "2031-03-07T19:00:00+00:00",
        "slots": 2,
        "version": 1,
        "needs_place": False,
        "party_adults": 2,
        "party_kids": 1,
        "deposit_due_cents": 1500,
        "external_ref": "",
        "series": None,
        "held_until": None,
        **changed,
    }


def anas(station: Station) -> Booking:
    return booking(
        station,
        customer=ANA,
        slots=2,
        party_adults=2,
        party_kids=1,
        total_due_cents=9000,
        deposit_due_cents=1500,
        special_requests="By the window\nplease",
        source="website",
    )


def found(response: Any) -> list[str]:
    assert response.status_code == 200
    return [row["booking_id"] for row in response.json()["data"]]


@pytest.mark.parametrize("address", [weekly(), monthly()])
def test_calendar_answers_with_whole_rows(api: Caller, station: Station, address: str) -> None:
    made = anas(station)

    answer = api.get(address)

    assert (answer.status_code, answer.json()) == (200, {"success": True, "data": [row_of(made)], "total_count": 1})


def test_calendar_shows_viewers_initials_and_neither_contact_nor_wishes(viewer: Caller, station: Station) -> None:
    made = anas(station)

    [row] = viewer.get(weekly()).json()["data"]

    nobody = {"customer_id": str(made.customer_id), "email": "", "name": "A. G.", "phone": "", "flags": []}
    assert row == row_of(made, customer=nobody, special_requests=None)


def test_calendar_shows_a_walk_in_without_a_customer(api: Caller, station: Station) -> None:
    booking(station)

    assert api.get(weekly()).json()["data"][0]["customer"] is None


def test_calendar_shows_what_a_customer_has_not_given_as_empty(api: Caller, station: Station) -> None:
    booking(station, customer=Contact("Ana García"))

    customer = api.get(weekly()).json()["data"][0]["customer"]

    assert (customer["email"], customer["phone"]) == ("", "")


def test_calendar_orders_by_date_slot_and_creation(api: Caller, station: Station) -> None:
    late = booking(station, SATURDAY, time(17))
    second = booking(station, FRIDAY, time(18))
    first = booking(station, FRIDAY, time(17))
    third = booking(station, FRIDAY, time(18))

    assert found(api.get(weekly())) == [str(one.pk) for one in (first, second, third, late)]


def test_calendar_takes_both_ends_of_the_range(api: Caller, station: Station) -> None:
    days = [date(2031, 3, day) for day in (2, 3, 9, 10)]
    _before, first, last, _after = [booking(station, day) for day in days]

    assert found(api.get(weekly())) == [str(first.pk), str(last.pk)]


def test_calendar_without_a_station_shows_all_of_the_callers(station: Station, bar: Station) -> None:
    mine = [booking(station), booking(bar, SATURDAY)]
    booking(factories.open_station(code="cellar"))

    assert found(Caller(factories.staff(station, bar)).get(weekly())) == [str(one.pk) for one in mine]


def test_calendar_of_one_station_shows_no_other(station: Station, bar: Station) -> None:
    booking(station)
    there = booking(bar)

    assert found(Caller(factories.staff(station, bar)).get(weekly(station="bar"))) == [str(there.pk)]


def test_calendar_of_a_status_shows_no_other(api: Caller, station: Station) -> None:
    booking(station)
    arrived = booking(station, status=Status.ARRIVED)

    assert found(api.get(weekly(status="arrived"))) == [str(arrived.pk)]


def test_calendar_takes_an_empty_filter_for_none(api: Caller, station: Station) -> None:
    made = booking(station)

    assert found(api.get(weekly(status="", station=""))) == [str(made.pk)]


def test_calendar_shows_cancelled_bookings_too(api: Caller, station: Station) -> None:
    cancelled = booking(station, status=Status.CANCELLED)

    assert found(api.get(weekly())) == [str(cancelled.pk)]


@pytest.mark.parametrize(
    ("address", "days"),
    [
        (weekly("2031-03-03", "2031-03-10"), 7),
        (weekly("2031-03-03", "2031-03-02"), 7),
        (monthly("2031-03-01", "2031-04-12"), 42),
        (monthly("1900-01-01", "2999-12-31"), 42),
    ],
)
def test_calendar_refuses_a_range_that_is_too_long_or_backwards(api: Caller, address: str, days: int) -> None:
    sentence = f"The range is 1 to {days} days, both ends included."

    assert failure(api.get(address)) == {
        "status": 400,
        "error": sentence,
        "code": "invalid_range",
        "errors": {"date_to": [sentence]},
    }


@pytest.mark.parametrize("day", ["0000-01-01", "0001-01-01", "1899-12-31", "3000-01-01", "9999-12-31"])
def test_calendar_knows_no_days_before_1900_or_after_2999(api: Caller, day: str) -> None:
    assert status_and_code(api.get(weekly(day, day))) == (400, "invalid_date")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (
            "",
            {
                "error": "date_from: This field is required.",
                "code": "required",
                "errors": {"date_from": ["This field is required."], "date_to": ["This field is required."]},
            },
        ),
        (
            "date_from=2031-03-03&date_to=9.3.2031&status=lost&colour=red",
            {
                "error": "Invalid date format. Use YYYY-MM-DD",
                "code": "invalid_date",
                "errors": {
                    "colour": ["Unknown field."],
                    "date_to": ["Invalid date format. Use YYYY-MM-DD"],
                    "status": ["Use one of: pending, confirmed, arrived, completed, no_show, cancelled."],
                },
            },
        ),
        (
            "date_from=2031-03-03&date_from=2031-03-04&date_to=2031-03-05",
            {
                "error": "date_from: Use this parameter only once.",
                "code": "invalid",
                "errors": {"date_from": ["Use this parameter only once."]},
            },
        ),
    ],
)
def test_calendar_names_every_field_at_fault(api: Caller, query: str, said: dict[str, Any]) -> None:
    assert failure(api.get(f"/api/bookings/admin/weekly?{query}")) == {"status": 400, **said}


# --- what has been seen already ------------------------------------------------------------------------------------------


def test_calendar_seen_before_is_not_sent_again(api: Caller, station: Station) -> None:
    anas(station)
    seen = api.get(weekly())

    again = api.get(weekly(), If_None_Match=seen.headers["ETag"])

    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", seen.headers["ETag"])
    assert again.headers["Cache-Control"] == seen.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("said", ['"other", {}', "W/{}", "*"])
def test_calendar_seen_before_is_known_in_any_spelling(api: Caller, said: str) -> None:
    seen = api.get(weekly()).headers["ETag"]

    assert api.get(weekly(), If_None_Match=said.format(seen)).status_code == 304


def test_calendar_seen_before_costs_no_decryption(api: Caller, station: Station, settings: Settings) -> None:
    anas(station)
    seen = api.get(weekly()).headers["ETag"]
    # Whatever rests now cannot be read any more: with no key that wrote it, decrypting is an error.
    settings.PII_KEYS = [bytes(range(1, 33))]

    assert api.get(weekly(), If_None_Match=seen).status_code == 304
    with pytest.raises(DecryptionError):
        api.get(weekly())


def change_a_customer(made: Booking, by: User) -> None:
    assert made.customer_id
    customers.edit(made.customer_id, {"email": "ana.garcia@example.com"}, by=by)


def change_a_booking(made: Booking, by: User) -> None:
    services.change_status(made.pk, Status.COMPLETED, by=by)


def take_a_right_away(made: Booking, by: User) -> None:
    by.groups.set(factories.person(roles.VIEWERS).groups.all())


@pytest.mark.parametrize("change", [change_a_customer, change_a_booking, take_a_right_away])
def test_calendar_is_sent_again_after_a_change(staff: User, station: Station, change: Any) -> None:
    made = anas(station)
    seen = Caller(staff).get(weekly()).headers["ETag"]
    change(made, staff)

    assert Caller(staff).get(weekly(), If_None_Match=seen).status_code == 200


def test_calendar_tags_differ_by_query_language_and_station(station: Station, bar: Station) -> None:
    api = Caller(factories.staff(station, bar))
    answers = [
        api.get(weekly()),
        api.get(monthly("2031-03-03", "2031-03-09")),
        api.get(weekly("2031-03-03", "2031-03-08")),
        api.get(weekly(status="pending")),
        api.get(weekly(station="bar")),
        api.get(weekly(), Accept_Language="de"),
    ]

    assert len({answer.headers["ETag"] for answer in answers}) == len(answers)


def test_calendar_keeps_its_tag_when_another_station_changes(api: Caller, station: Station, bar: Station) -> None:
    seen = api.get(weekly()).headers["ETag"]
    booking(bar)

    assert api.get(weekly()).headers["ETag"] == seen


def test_calendar_as_a_page_is_never_taken_from_a_cache(staff: User, station: Station) -> None:
    page = Caller(staff, session=True).get(weekly(), Accept="text/html", If_None_Match="*")

    assert (page.status_code, "ETag" in page.headers) == (200, False)


def test_calendar_says_what_its_answer_depends_on(api: Caller) -> None:
    answer = api.get(weekly())

    assert answer.headers["Vary"] == "Accept, Accept-Encoding, Authorization, Cookie, Accept-Language"


# --- what it costs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [weekly(), monthly()])
def test_calendar_costs_the_same_queries_for_1_50_and_500_bookings(
    db: None, address: str, django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the audit log's entry of the first reading in an hour, which is written when the answer is sent."""
    monkeypatch.setattr(bulk_reads.tally, "add", lambda reads, by: [])
    station = factories.open_station(code="hall", capacity=600)
    api = Caller(factories.staff(station))
    drafts = [
        services.Draft(
            station="hall",
            date=FRIDAY - timedelta(days=number % 3),
            slot=time(17 + number % 5),
            status=Status.CONFIRMED,
            customer=Contact(f"Guest {number}", f"guest{number}@example.com"),
        )
        for number in range(500)
    ]
    api.get(address)  # what a process reads once, whatever it answers
    costs = []
    for first, last in ((0, 1), (1, 50), (50, 500)):
        services.create_many(drafts[first:last], by=roles.OPERATOR)
        with django_assert_max_num_queries(5), CaptureQueriesContext(connection) as queries:
            assert api.get(address).json()["total_count"] == last
        costs.append(len(queries))

    assert len(set(costs)) == 1


def test_calendar_answers_small(api: Caller, station: Station) -> None:
    anas(station)

    assert len(api.get(weekly()).content) < 800


def test_calendar_is_gone_once_it_was_sent(api: Caller, station: Station) -> None:
    """Not left to the garbage collection, which comes late and costs more than the answer did."""
    made = booking(station)
    gc.collect()
    gc.disable()
    try:
        assert str(made.pk).encode() in api.get(weekly()).content  # read as JSON, it would stay with the answer
        rows = [one for one in gc.get_objects() if type(one) is dict and one.get("booking_id") == made.pk]
    finally:
        gc.enable()

    assert rows == []
