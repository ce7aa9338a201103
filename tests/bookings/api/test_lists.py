"""Lists of bookings: filters, orders, pages and cursors."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID, uuid4

import pytest

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings import services
from bookings.models import Booking
from bookings.models.status import Status
from stations.models import Station
from tests import factories
from tests.bookings.api.caller import Caller, failure, status_and_code
from tests.factories import FRIDAY, SATURDAY, booking

LIST = "/api/bookings/"
NOBODY = {"status": 404, "error": "Not found.", "code": "not_found"}


def listed(api: Caller, **query: Any) -> list[str]:
    """The ids of a list's first page; a value that is a list is given several times."""
    answer = api.get(f"{LIST}?{urlencode(query, doseq=True)}")
    assert answer.status_code == 200
    return [row["booking_id"] for row in answer.json()["data"]]


def ids(*made: Booking) -> list[str]:
    return [str(booking.pk) for booking in made]


def test_list_filters_by_each_field(api: Caller, station: Station) -> None:
    known = factories.customer(station)
    friday = booking(station, external_ref="A-1", status=Status.PENDING)
    saturday = booking(station, SATURDAY, customer_id=known.pk)

    assert listed(api, status="pending") == ids(friday)
    assert listed(api, external_ref="A-1") == ids(friday)
    assert listed(api, date_to="2031-03-07") == ids(friday)
    assert listed(api, date_from="2031-03-08") == ids(saturday)
    assert listed(api, customer=known.pk) == ids(saturday)
    assert listed(api, station="kitchen", status="", customer="") == ids(friday, saturday)


def test_list_of_another_stations_customer_is_empty(api: Caller, station: Station, bar: Station) -> None:
    theirs = factories.customer(bar)
    booking(bar, customer_id=theirs.pk)

    assert listed(api, customer=theirs.pk) == []


def brought_in(station: Station, count: int) -> list[str]:
    """So many bookings made in the same moment, as an import does; their ids in the order of lists."""
    drafts = [
        services.Draft(station.code, date(2031, 3, 1 + n % 7), time(17 + n % 5), status=Status.CANCELLED)
        for n in range(count)
    ]
    made = [one for one in services.create_many(drafts, by=roles.OPERATOR) if isinstance(one, Booking)]
    return ids(*sorted(made, key=lambda booking: (booking.date, booking.slot, booking.created_at, booking.pk)))


def turned(api: Caller, address: str, way: str) -> list[dict[str, Any]]:
    """The pages from an address on, in one direction."""
    pages = [api.get(address).json()]
    while pages[-1][way]:
        pages.append(api.get(pages[-1][way]).json())
    return pages


def test_list_turns_its_pages_and_holds_each_booking_once(api: Caller, station: Station) -> None:
    order = brought_in(station, 230)

    pages = turned(api, f"{LIST}?station=kitchen", "next")

    shown = [[row["booking_id"] for row in page["data"]] for page in pages]
    assert shown == [order[:100], order[100:200], order[200:]]
    assert all(set(page) == {"success", "data", "next", "previous"} for page in pages)


def test_list_turns_back_to_the_same_pages(api: Caller, station: Station) -> None:
    brought_in(station, 230)
    forth = turned(api, LIST, "next")

    back = turned(api, forth[1]["next"], "previous")

    assert [page["data"] for page in reversed(back)] == [page["data"] for page in forth]
    assert forth[0]["previous"] is None


def test_list_costs_the_same_queries_for_1_and_50_bookings(
    api: Caller, station: Station, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    booking(station)
    api.get(LIST)  # the first within an hour, which the audit log tells of
    with django_assert_max_num_queries(9) as first:
        api.get(LIST)
    for number in range(49):
        booking(station, date(2031, 4, 1 + number % 28), customer=Contact(f"Guest {number}"))

    with django_assert_num_queries(len(first)):
        assert len(api.get(LIST).json()["data"]) == 50


@pytest.mark.parametrize("cursor", ["x", "=", "é", "bnww", "8J+YgA", "A" * 301])
def test_list_refuses_a_cursor_that_it_did_not_give(api: Caller, cursor: str) -> None:
    said = failure(api.get(f"{LIST}?{urlencode({'cursor': cursor})}"))

    assert (said["status"], said["code"], list(said["errors"])) == (400, "invalid", ["cursor"])


def test_list_refuses_a_cursor_that_was_changed(api: Caller, station: Station) -> None:
    brought_in(station, 3)
    given = parse_qs(urlsplit(api.get(f"{LIST}?limit=2").json()["next"]).query)["cursor"][0]
    body, _dot, signature = given.partition(".")
    changed = [f"{body}.{signature[:-1]}", f"{body[:-1]}.{signature}", body, f"{body}={'.'}{signature}", f"{given}."]

    said = [status_and_code(api.get(f"{LIST}?{urlencode({'cursor': cursor})}")) for cursor in changed]

    assert said == [(400, "invalid")] * len(changed)
    assert api.get(f"{LIST}?{urlencode({'cursor': given})}").status_code == 200


@pytest.mark.parametrize(
    "other", ["sort=created", "status=pending", "station=kitchen", "needs_place=false", "date_from=2031-01-01"]
)
def test_list_refuses_a_cursor_of_another_query(api: Caller, station: Station, other: str) -> None:
    brought_in(station, 3)
    address = api.get(f"{LIST}?limit=2").json()["next"]

    said = failure(api.get(f"{address}&{other}"))

    sentence = "Use the cursor from `next` or `previous` of a response to the same query."
    assert (said["status"], said["errors"]) == (400, {"cursor": [sentence]})


def test_list_takes_another_limit_with_a_cursor(api: Caller, station: Station) -> None:
    order = brought_in(station, 7)
    address = api.get(f"{LIST}?limit=2").json()["next"]

    page = api.get(address.replace("limit=2", "limit=1000")).json()

    assert [row["booking_id"] for row in page["data"]] == order[2:]


def test_list_refuses_a_range_that_ends_before_it_begins(api: Caller) -> None:
    assert status_and_code(api.get(f"{LIST}?date_from=2031-03-08&date_to=2031-03-07")) == (400, "invalid_range")


def test_list_of_an_unknown_station_finds_none_before_looking_at_the_rest(api: Caller, bar: Station) -> None:
    assert failure(api.get(f"{LIST}?station=bar&date_from=x")) == NOBODY


# --- parameters ----------------------------------------------------------------------------------------------------------


def test_list_takes_several_statuses(api: Caller, station: Station) -> None:
    made = [booking(station, status=status) for status in (Status.PENDING, Status.ARRIVED, Status.CONFIRMED)]

    assert listed(api, status=["arrived", "pending", "arrived"]) == ids(*made[:2])


def test_list_takes_several_stations(station: Station, bar: Station) -> None:
    cellar = factories.open_station(code="cellar")
    api = Caller(factories.staff(station, bar, cellar))
    made = [booking(one, day) for one, day in ((station, FRIDAY), (bar, SATURDAY), (cellar, FRIDAY))]

    assert listed(api, station=["kitchen", "bar"]) == ids(*made[:2])


@pytest.mark.parametrize("codes", [["kitchen", "bar"], ["bar", "kitchen", "none"], ["none"]])
def test_list_of_several_stations_finds_none_with_one_that_is_not_the_callers(
    api: Caller, station: Station, bar: Station, codes: list[str]
) -> None:
    query = urlencode({"station": codes, "limit": "x"}, doseq=True)

    assert failure(api.get(f"{LIST}?{query}")) == NOBODY


def test_list_by_ids_leaves_out_what_the_caller_may_not_see(api: Caller, station: Station, bar: Station) -> None:
    mine, theirs, other = booking(station), booking(bar), booking(station)

    assert listed(api, ids=f"{mine.pk},{theirs.pk},{uuid4()}") == ids(mine)
    assert set(listed(api, ids=[mine.pk, other.pk.hex.upper()])) == set(ids(mine, other))


def test_list_by_ids_takes_a_hundred(api: Caller, station: Station) -> None:
    mine, others = booking(station), [str(uuid4()) for _n in range(100)]

    assert listed(api, ids=",".join([str(mine.pk), *others[1:]])) == ids(mine)
    assert status_and_code(api.get(f"{LIST}?ids={','.join([str(mine.pk), *others])}")) == (400, "invalid")


def test_list_filters_by_source_and_by_what_needs_a_place(api: Caller, station: Station) -> None:
    by_phone, displaced = booking(station, source="phone"), booking(station, SATURDAY)
    Booking.objects.filter(pk=displaced.pk).update(needs_place=True)

    assert listed(api, source="phone") == ids(by_phone)
    assert listed(api, needs_place="true") == ids(displaced)
    assert listed(api, needs_place="false") == ids(by_phone)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_list_gives_as_many_as_asked_for(api: Caller, station: Station, limit: int) -> None:
    order = brought_in(station, 4)

    pages = turned(api, f"{LIST}?limit={limit}", "next")

    assert [row["booking_id"] for page in pages for row in page["data"]] == order
    assert {len(page["data"]) for page in pages[:-1]} <= {limit}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("limit", value) for value in ("0", "1001", "-1", "x", "1.0", "٣", "1e2", "99999999999")],
        *[("sort", value) for value in ("date", "Created", "-created")],
        *[("status", value) for value in ("lost", "pending,arrived")],
        *[("ids", value) for value in ("x", f"{UUID(int=1)},x")],
        *[("needs_place", value) for value in ("1", "True", "yes")],
        *[("updated_since", value) for value in ("2031-03-07", "2031-03-07T10:00:00", "yesterday", "1969999")],
        *[("updated_since", value) for value in ("2031-02-30T10:00:00Z", "2031-03-07T25:00:00Z")],
        ("source", "x" * 51),
    ],
)
def test_list_names_the_parameter_at_fault(api: Caller, name: str, value: str) -> None:
    said = failure(api.get(f"{LIST}?{urlencode({name: value})}"))

    assert (said["status"], said["code"], list(said["errors"])) == (400, "invalid", [name])


# --- orders --------------------------------------------------------------------------------------------------------------


def three(station: Station, staff: User) -> list[Booking]:
    """Made one after the other for days in the other order, the first of them changed last."""
    made = [booking(station, FRIDAY + timedelta(days=7 * n)) for n in (2, 1, 0)]
    services.edit(made[0].pk, {"party_kids": 1}, by=staff)
    return made


def test_list_comes_in_the_order_asked_for(api: Caller, station: Station, staff: User) -> None:
    first, second, third = three(station, staff)

    assert listed(api) == listed(api, sort="place") == ids(third, second, first)
    assert listed(api, sort="created") == ids(first, second, third)
    assert listed(api, sort="updated") == ids(second, third, first)


@pytest.mark.parametrize("sort", ["created", "updated"])
def test_list_turns_its_pages_in_each_order_there_and_back(
    api: Caller, station: Station, staff: User, sort: str
) -> None:
    three(station, staff)
    order = listed(api, sort=sort)

    forth = turned(api, f"{LIST}?limit=1&sort={sort}", "next")
    back = turned(api, forth[-2]["next"], "previous")

    assert [page["data"][0]["booking_id"] for page in forth] == order
    assert [page["data"][0]["booking_id"] for page in reversed(back)] == order


def test_list_by_creation_meets_a_booking_once_that_is_moved_meanwhile(
    api: Caller, station: Station, staff: User
) -> None:
    made = [booking(station, FRIDAY + timedelta(days=n)) for n in range(4)]
    first = api.get(f"{LIST}?limit=2&sort=created").json()
    services.reschedule(made[0].pk, to=services.Place(SATURDAY + timedelta(days=7), time(18)), by=staff)
    services.reschedule(made[3].pk, to=services.Place(FRIDAY, time(19)), by=staff)

    rest = api.get(first["next"]).json()

    assert [row["booking_id"] for row in first["data"] + rest["data"]] == ids(*made)


# --- changes -------------------------------------------------------------------------------------------------------------


def test_list_of_what_changed_since_comes_in_the_order_of_changes(api: Caller, station: Station, staff: User) -> None:
    first, _second, third = three(station, staff)
    third.refresh_from_db()

    assert listed(api, updated_since=third.updated_at.isoformat()) == ids(third, first)
    assert listed(api, updated_since=third.updated_at.isoformat(), sort="place") == ids(third, first)


@pytest.mark.parametrize("zone", ["Z", "z", "+00:00", "-00:00"])
def test_list_takes_a_moment_in_each_spelling(api: Caller, station: Station, zone: str) -> None:
    made = booking(station)
    moment = made.updated_at.strftime("%Y-%m-%dT%H:%M:%S.%f")

    assert listed(api, updated_since=f"{moment}{zone}") == ids(made)


@pytest.mark.parametrize(
    ("moment", "count"),
    [
        ("0001-01-01T00:00:00+14:00", 1),
        ("0424-06-02T01:04:49.622-07:49", 1),
        ("9999-12-31T23:59:59.123456789-12:00", 0),
    ],
)
def test_list_takes_any_moment_that_there_is(api: Caller, station: Station, moment: str, count: int) -> None:
    booking(station)

    assert len(listed(api, updated_since=moment)) == count


def test_list_takes_an_offset_whose_plus_was_not_encoded(api: Caller, station: Station) -> None:
    made = booking(station)
    later = datetime.now(UTC) + timedelta(hours=1)

    addresses = [f"{LIST}?updated_since={moment.isoformat()}" for moment in (made.updated_at, later)]

    assert [len(api.get(address).json()["data"]) for address in addresses] == [1, 0]


def test_list_in_any_order_is_counted_in_the_audit_log_with_its_first_and_last_day(
    api: Caller, station: Station, staff: User
) -> None:
    three(station, staff)

    listed(api, sort="created")

    entry = AuditEntry.objects.get(event="bookings_read")
    assert (entry.changes["first"][1], entry.changes["last"][1]) == ("2031-03-07", "2031-03-21")
