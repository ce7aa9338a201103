"""Changing what a booking says, without moving it."""

from datetime import time
from typing import Any

import pytest

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings import services
from bookings.errors import Duplicate, NoSuchSlot, SlotFull, Stale
from bookings.models import Booking, Hold
from bookings.models.status import Status
from core.errors import Invalid, NotFound
from stations.models import Station
from tests import factories
from tests.factories import booking, open_station


def test_edit_writes_what_changed_once_and_says_what(station: Station, staff: User) -> None:
    made = booking(station, total_due_cents=5000)

    edited = services.edit(made.pk, {"party_kids": 2, "total_due_cents": 5000}, by=staff, seen_version=1)

    assert (edited.party_kids, edited.version) == (2, 2)
    assert AuditEntry.objects.get(event="edited").changes == {"party_kids": [0, 2]}


def test_edit_of_nothing_new_writes_nothing(station: Station, staff: User) -> None:
    made = booking(station, party_adults=2)

    services.edit(made.pk, {"party_adults": 2}, by=staff)

    assert Booking.objects.get(pk=made.pk).version == 1
    assert not AuditEntry.objects.filter(event="edited").exists()


def test_edit_of_wishes_keeps_them_out_of_the_trail(station: Station, staff: User) -> None:
    made = booking(station, special_requests="nut allergy")

    services.edit(made.pk, {"special_requests": "by the window"}, by=staff)

    assert AuditEntry.objects.get(event="edited").changes == {"special_requests": ["•••", "•••"]}


def test_edit_that_makes_the_party_larger_asks_for_seats_again(staff: User) -> None:
    small = open_station(guest_capacity=6)
    staff.stations.add(small)
    made, _other = booking(small, party_adults=2), booking(small, party_adults=3)

    with pytest.raises(SlotFull):
        services.edit(made.pk, {"party_adults": 4}, by=staff)

    assert services.edit(made.pk, {"party_adults": 3}, by=staff).party_adults == 3


def test_edit_that_makes_the_booking_longer_takes_the_next_slot(station: Station, staff: User) -> None:
    made = booking(station, slot=time(20))

    longer = services.edit(made.pk, {"slots": 2}, by=staff)

    assert sorted(Hold.objects.values_list("slot", flat=True)) == [time(20), time(21)]
    assert (longer.ends_at - longer.starts_at).total_seconds() == 7200
    with pytest.raises(NoSuchSlot):
        services.edit(made.pk, {"slots": 3}, by=staff)


def test_edit_that_makes_the_booking_longer_into_a_full_slot_is_refused(station: Station, staff: User) -> None:
    made = booking(station, slot=time(18))
    for _n in range(3):
        booking(station, slot=time(19))

    with pytest.raises(SlotFull):
        services.edit(made.pk, {"slots": 2}, by=staff)

    assert Booking.objects.get(pk=made.pk).slots == 1


def test_edit_of_a_cancelled_booking_takes_no_place(station: Station, staff: User) -> None:
    made = booking(station, status=Status.CANCELLED)

    services.edit(made.pk, {"slots": 2}, by=staff)

    assert not Hold.objects.exists()


def test_edit_gives_the_booking_to_another_customer_or_to_nobody(station: Station, staff: User) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))
    other = factories.customer(station, "Bo Li", "bo@example.com")

    assert services.edit(made.pk, {"customer_id": other.pk}, by=staff).customer == other
    assert services.edit(made.pk, {"customer": None}, by=staff).customer is None
    assert services.edit(made.pk, {"customer": Contact("Bo Li", "bo@example.com")}, by=staff).customer == other


@pytest.mark.parametrize("changes", [{"date": "2031-03-07"}, {"status": "confirmed"}, {"version": 9}, {"station": "x"}])
def test_edit_of_place_status_or_version_is_refused(station: Station, staff: User, changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        services.edit(booking(station).pk, changes, by=staff)


def test_edit_to_a_reference_that_is_taken_is_refused(station: Station, staff: User) -> None:
    booking(station, external_ref="A1")
    made = booking(station, external_ref="A2")

    with pytest.raises(Duplicate):
        services.edit(made.pk, {"external_ref": "A1"}, by=staff)


def test_edit_of_a_version_that_is_past_is_stale(station: Station, staff: User) -> None:
    made = booking(station)
    services.edit(made.pk, {"party_kids": 1}, by=staff)

    with pytest.raises(Stale):
        services.edit(made.pk, {"party_kids": 2}, by=staff, seen_version=1)


def test_edit_of_another_stations_booking_finds_nothing(station: Station) -> None:
    made = booking(station)

    with pytest.raises(NotFound):
        services.edit(made.pk, {"party_kids": 1}, by=factories.staff(open_station()))


def test_edit_for_a_customer_of_another_station_finds_nobody(station: Station, staff: User) -> None:
    foreign = factories.customer(open_station())

    with pytest.raises(NotFound):
        services.edit(booking(station).pk, {"customer_id": foreign.pk}, by=staff)


def test_amend_keeps_a_phone_that_is_none_as_it_was_written(station: Station) -> None:
    made = services.amend(booking(station).pk, {"customer": Contact("Ana García", "", "ask Bo")}, by=roles.OPERATOR)

    assert made.customer
    assert (made.customer.phone, made.customer.phone_is_valid) == ("ask Bo", False)


def test_amend_gives_an_unassigned_booking_a_place_only_when_it_moves_it(station: Station) -> None:
    made = booking(station)
    made.holds.all().delete()
    Booking.objects.filter(pk=made.pk).update(needs_place=True)

    edited = services.amend(made.pk, {"total_due_cents": 500}, by=roles.OPERATOR)
    moved = services.amend(made.pk, {"slot": time(20)}, by=roles.OPERATOR)

    assert (edited.needs_place, moved.needs_place, moved.holds.count()) == (True, False, 1)
