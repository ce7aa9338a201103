"""New bookings."""

from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, Customer, User
from bookings import services
from bookings.errors import Duplicate, NoSuchSlot, Past, SlotClosed, SlotFull
from bookings.models import Booking, Hold
from bookings.models.status import Status
from bookings.services import Draft
from bookings.services.overlaps import AlreadyBooked
from core.errors import Invalid, NotFound, NotPermitted
from stations.models import Station
from tests import factories
from tests.factories import FRIDAY, ExceptionFactory, booking, open_station, person


def draft(station: Station, **fields: object) -> Draft:
    return Draft(**{"station": station.code, "date": FRIDAY, "slot": time(18), **fields})  # type: ignore[arg-type]


def test_create_takes_a_place_in_each_slot_and_records_who(station: Station, staff: User) -> None:
    made = services.create(draft(station, slots=2, party_adults=3), by=staff)

    assert list(Hold.objects.order_by("slot").values_list("booking", "date", "slot", "lane", "capacity")) == [
        (made.pk, FRIDAY, time(18), 0, 3),
        (made.pk, FRIDAY, time(19), 0, 3),
    ]
    assert (made.starts_at, made.ends_at) == (
        datetime(2031, 3, 7, 17, tzinfo=UTC),
        datetime(2031, 3, 7, 19, tzinfo=UTC),
    )
    entry = AuditEntry.objects.get(object_pk=made.pk)
    assert (entry.actor, entry.event, entry.station, entry.changes["slot"]) == (
        staff,
        "created",
        station,
        [None, "18:00"],
    )


LEO = Contact("Leo Lindqvist", "leo@example.com")


def test_create_names_the_customers_other_bookings_at_that_time_and_changes_nothing(
    station: Station, staff: User
) -> None:
    other = booking(station, slots=2, customer=LEO)
    written = AuditEntry.objects.count()

    with pytest.raises(AlreadyBooked) as refused:
        services.create(draft(station, slot=time(19), customer=LEO), by=staff, known_overlaps=())

    assert refused.value.data == [other]
    assert (Booking.objects.count(), Hold.objects.count(), AuditEntry.objects.count()) == (1, 2, written)


@pytest.mark.parametrize(
    ("slot", "status"),
    [
        (time(17), Status.CONFIRMED),
        (time(19), Status.CONFIRMED),
        (time(18), Status.NO_SHOW),
        (time(18), Status.COMPLETED),
    ],
)
def test_create_minds_no_booking_at_another_time_or_without_a_guest(
    station: Station, staff: User, slot: time, status: Status
) -> None:
    booking(station, slot=slot, status=status, customer=LEO)

    assert services.create(draft(station, customer=LEO), by=staff, known_overlaps=())


def test_create_asks_about_overlaps_only_where_they_are_shown(station: Station, staff: User) -> None:
    other = booking(station, customer=LEO)

    assert services.create(draft(station, customer=LEO), by=staff)
    with pytest.raises(AlreadyBooked):
        services.create(draft(station, customer=LEO), by=staff, known_overlaps=[other.pk])


def test_create_takes_a_time_of_booking_up_to_now(station: Station, staff: User) -> None:
    with time_machine.travel(datetime(2031, 3, 1, 12, tzinfo=UTC), tick=False):
        now = timezone.now()

        assert services.create(draft(station, created_at=now), by=staff).created_at == now
        with pytest.raises(Invalid):
            services.create(draft(station, created_at=now + timedelta(microseconds=1)), by=staff)


def test_create_bumps_the_counter_of_its_station_alone(station: Station, staff: User) -> None:
    other = open_station()

    services.create(draft(station), by=staff)

    station.refresh_from_db()
    other.refresh_from_db()
    assert (station.changes, other.changes) == (1, 0)


def test_create_in_a_full_slot_is_refused_and_writes_nothing(station: Station, staff: User) -> None:
    for _n in range(3):
        booking(station)

    with pytest.raises(SlotFull):
        services.create(draft(station, customer=Contact("Ana García", "ana@example.com")), by=staff)

    assert (Booking.objects.count(), Hold.objects.count(), Customer.objects.count()) == (3, 3, 0)


def test_create_counts_guests_where_they_are_limited(staff: User) -> None:
    small = open_station(guest_capacity=5)
    staff.stations.add(small)
    services.create(draft(small, party_adults=2, party_kids=2), by=staff)

    with pytest.raises(SlotFull, match="room for 1 more"):
        services.create(draft(small, party_adults=2), by=staff)

    assert services.create(draft(small, party_adults=1), by=staff)


def test_create_of_the_same_person_twice_makes_one_customer(station: Station, staff: User) -> None:
    first = services.create(draft(station, customer=Contact("Ana García", "ana@example.com")), by=staff)
    again = services.create(draft(station, customer=Contact("ANA GARCIA", "Ana@Example.com")), by=staff)

    assert first.customer_id == again.customer_id


def test_create_for_a_customer_of_another_station_finds_nobody(station: Station, staff: User) -> None:
    foreign = factories.customer(open_station())

    with pytest.raises(NotFound):
        services.create(draft(station, customer_id=foreign.pk), by=staff)


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"slot": time(18, 30)}, NoSuchSlot),
        ({"slot": time(21), "slots": 2}, NoSuchSlot),
        ({"status": Status.COMPLETED}, Invalid),
        ({"party_adults": 0}, Invalid),
        ({"party_adults": -1, "party_kids": 2}, Invalid),
        ({"slots": 0}, Invalid),
        ({"total_due_cents": 100, "deposit_due_cents": 101}, Invalid),
        ({"source": "a\x00b"}, Invalid),
        ({"special_requests": "x" * 2001}, Invalid),
        ({"customer": Contact("", "ana@example.com")}, Invalid),
        ({"customer": Contact("Ana", "", "12")}, Invalid),
        ({"customer": Contact("Ana", "no address")}, Invalid),
    ],
)
def test_create_refuses_what_no_rule_allows(
    station: Station, staff: User, fields: dict[str, object], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        services.create(draft(station, **fields), by=staff)

    assert not Booking.objects.exists()


def test_create_in_a_closed_slot_says_the_reason(station: Station, staff: User) -> None:
    ExceptionFactory(station=station, date=FRIDAY, reason="Stocktaking")

    with pytest.raises(SlotClosed, match="Stocktaking"):
        services.create(draft(station), by=staff)


def test_create_at_an_inactive_station_is_refused(station: Station, staff: User) -> None:
    Station.objects.update(is_active=False)

    with pytest.raises(SlotClosed, match="no new bookings"):
        services.create(draft(station), by=staff)


def test_create_with_a_reference_that_is_taken_names_the_booking(station: Station, staff: User) -> None:
    first = services.create(draft(station, external_ref="A1"), by=staff)

    with pytest.raises(Duplicate) as refusal:
        services.create(draft(station, external_ref="A1"), by=staff)

    assert refusal.value.data == first.pk


def test_create_with_a_reference_of_another_station_is_fine(station: Station, staff: User) -> None:
    other = open_station()
    booking(other, external_ref="A1")

    assert services.create(draft(station, external_ref="A1"), by=staff).external_ref == "A1"


def test_create_is_possible_until_the_slot_ends(station: Station, staff: User) -> None:
    with time_machine.travel(datetime(2031, 3, 7, 17, 59, 59, tzinfo=UTC), tick=False):
        assert services.create(draft(station), by=staff)
    with time_machine.travel(datetime(2031, 3, 7, 18, 0, tzinfo=UTC), tick=False), pytest.raises(Past):
        services.create(draft(station), by=staff)


def test_create_needs_the_right_and_the_station(station: Station) -> None:
    with pytest.raises(NotPermitted):
        services.create(draft(station), by=person(roles.VIEWERS, station))
    with pytest.raises(NotFound):
        services.create(draft(station), by=factories.staff(open_station()))


def test_create_by_somebody_inactive_finds_nothing(station: Station, staff: User) -> None:
    staff.is_active = False
    staff.save()

    with pytest.raises(NotPermitted):
        services.create(draft(station), by=User.objects.get(pk=staff.pk))


def test_create_many_makes_each_or_says_why_not(station: Station) -> None:
    wanted = [
        draft(station, status=Status.COMPLETED, slot=time(17)),
        draft(station, slot=time(3)),
        draft(station, external_ref="A1"),
        draft(station, external_ref="A1"),
        Draft("nowhere", FRIDAY, time(18)),
    ]

    results = services.create_many(wanted, by=roles.OPERATOR)

    assert [type(result).__name__ for result in results] == [
        "Booking",
        "NoSuchSlot",
        "Booking",
        "Duplicate",
        "NotFound",
    ]
    assert Booking.objects.count() == AuditEntry.objects.filter(event="created").count() == 2


def test_create_many_lists_a_slot_in_the_order_given(db: None) -> None:
    station = open_station(capacity=8)

    made = services.create_many([draft(station) for _ in range(8)], by=roles.OPERATOR)

    assert list(Booking.objects.in_order()) == made


def test_create_many_of_cancelled_bookings_holds_nothing_and_minds_no_closure(station: Station) -> None:
    ExceptionFactory(station=station, date=FRIDAY)

    [made] = services.create_many([draft(station, status=Status.CANCELLED)], by=roles.OPERATOR)

    assert isinstance(made, Booking)
    assert not Hold.objects.exists()
