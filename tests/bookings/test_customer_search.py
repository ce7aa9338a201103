"""What a search shows of customers: their next and last booking, visits, and the last digits of their phone."""

from datetime import UTC, date, datetime, time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings import customer_search, services
from bookings.customer_search import Hit
from bookings.models import Booking
from bookings.models.status import Status
from bookings.privacy import erasure
from core.errors import NotPermitted
from stations.models import Station
from tests.factories import FRIDAY, SATURDAY, booking, bookings, customer, open_station, person

NORA = Contact("Nora Silva", "nora@example.com", "+49 30 9011030")
NOW = datetime(2031, 3, 7, 18, 30, tzinfo=UTC)
"""19:30 in Berlin, on Friday: the slot of 19:00 is running."""
EARLIER = date(2031, 2, 7)


def find(by: User, q: str, **options: str) -> list[Hit]:
    return customer_search.find(by, q, now=NOW, **options)  # type: ignore[arg-type]


def test_hit_has_the_next_booking_the_last_one_visits_and_last_digits(station: Station, staff: User) -> None:
    for day, status in ((EARLIER, Status.COMPLETED), (FRIDAY, Status.CONFIRMED)):
        last = booking(station, day, time(17), customer=NORA, status=status)
    upcoming = booking(station, FRIDAY, time(20), customer=NORA)
    booking(station, SATURDAY, customer=NORA)

    [hit] = find(staff, "nora")

    assert (hit.next, hit.last, hit.visits, hit.phone_ending, hit.booking) == (upcoming, last, 2, "1030", upcoming)


def test_hit_takes_a_booking_that_is_running_for_the_next_one(station: Station, staff: User) -> None:
    running = booking(station, FRIDAY, time(19), customer=NORA, status=Status.ARRIVED)

    [hit] = find(staff, "nora")

    assert (hit.next, hit.last, hit.booking) == (running, None, running)


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.NO_SHOW])
def test_hit_counts_no_visit_that_did_not_happen(station: Station, staff: User, status: Status) -> None:
    missed = booking(station, EARLIER, customer=NORA, status=status)

    [hit] = find(staff, "nora")

    assert (hit.visits, hit.next) == (0, None)
    assert hit.last == (None if status == Status.CANCELLED else missed)
    assert hit.booking == missed


@pytest.mark.parametrize("status", Status.values)
def test_search_and_queries_count_the_same_visits(station: Station, staff: User, status: str) -> None:
    for day in (EARLIER, FRIDAY, SATURDAY):
        made = booking(station, day, time(17), customer=NORA)
        Booking.objects.filter(pk=made.pk).update(status=status)

    [hit] = find(staff, "nora")

    expected = {Status.CONFIRMED: 2, Status.ARRIVED: 2, Status.COMPLETED: 3}
    assert hit.visits == Booking.objects.visits(NOW).count() == expected.get(Status(status), 0)


def test_hit_of_a_cancelled_booking_ahead_opens_the_last_one(station: Station, staff: User) -> None:
    last = booking(station, EARLIER, customer=NORA)
    services.change_status(booking(station, SATURDAY, customer=NORA).pk, Status.CANCELLED, by=roles.OPERATOR)

    [hit] = find(staff, "nora")

    assert (hit.next, hit.booking) == (None, last)


def test_customer_without_bookings_has_none_to_open(station: Station, staff: User) -> None:
    customer(station, "Nora Silva")

    [hit] = find(staff, "nora")

    assert (hit.booking, hit.visits, hit.phone_ending) == (None, 0, "")


@pytest.mark.parametrize("q", ["T0038", "t0038"])
def test_reference_finds_its_booking_first(station: Station, staff: User, q: str) -> None:
    booking(station, FRIDAY, time(20), customer=NORA)
    referred = booking(station, EARLIER, customer=NORA, external_ref="T0038")
    customer(station, "T0038 Sample", "t@example.com")

    first, *_others = find(staff, q)

    assert (first.by, first.booking, first.customer and first.customer.name) == ("reference", referred, "Nora Silva")


def test_reference_finds_a_walk_in(station: Station, staff: User) -> None:
    referred = booking(station, external_ref="T0038")

    [hit] = find(staff, "T0038")

    assert (hit.customer, hit.booking) == (None, referred)


@pytest.mark.parametrize("q", ["T003", "0038", "", "T0038 x"])
def test_reference_is_found_as_a_whole(station: Station, staff: User, q: str) -> None:
    booking(station, external_ref="T0038")

    assert find(staff, q) == []


def test_search_shows_nothing_of_other_stations(station: Station, staff: User) -> None:
    bar = open_station(code="bar")
    booking(bar, customer=NORA, external_ref="T0038")

    assert (find(staff, "nora"), find(staff, "T0038")) == ([], [])
    staff.stations.add(bar)
    assert [len(find(staff, q)) for q in ("nora", "T0038")] == [1, 1]


def test_erased_customer_of_a_reference_is_not_named(station: Station, staff: User) -> None:
    made = booking(station, EARLIER, customer=NORA, external_ref="T0038", status=Status.COMPLETED)
    assert made.customer_id
    erasure.erase(made.customer_id, by=roles.OPERATOR)

    [hit] = find(staff, "T0038")

    assert hit.customer
    assert (hit.customer.display_name, hit.phone_ending) == ("Erased", "")


def test_hits_of_the_own_station_come_first_and_then_who_comes_next(station: Station, staff: User) -> None:
    bar = open_station(code="bar")
    staff.stations.add(bar)
    for at, name, day in (
        (bar, "Nora Bar", FRIDAY),
        (station, "Nora Never", None),
        (station, "Nora Before", EARLIER),
        (station, "Nora Later", SATURDAY),
        (station, "Nora Tonight", FRIDAY),
    ):
        known = customer(at, name, f"{name[5:]}@example.com")
        if day:
            booking(at, day, time(20), customer_id=known.pk)

    found = [hit.customer.name for hit in find(staff, "nora", home="kitchen") if hit.customer]

    assert found[:2] == ["Nora Tonight", "Nora Later"]
    assert set(found[2:4]) == {"Nora Before", "Nora Never"}
    assert found[4] == "Nora Bar"


def test_search_needs_the_permission_for_personal_data(station: Station) -> None:
    with pytest.raises(NotPermitted):
        find(person(roles.VIEWERS, station), "nora")


def test_number_of_queries_does_not_grow_with_customers_and_bookings(station: Station, staff: User) -> None:
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            find(staff, "nora")
        return len(queries)

    booking(station, customer=NORA)
    find(staff, "nora")
    before = count()
    for number in range(5):
        known = customer(station, f"Nora Sample{number}", f"n{number}@example.com")
        bookings(2, station, SATURDAY, time(17 + number), customer_id=known.pk)

    assert count() == before
    assert Booking.objects.count() == 11
