"""Moving a booking."""

from datetime import UTC, date, datetime, time

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, Customer, User
from bookings import audit, services
from bookings.calendar import read_model
from bookings.errors import Duplicate, NoSuchSlot, NotReschedulable, Past, SlotFull, Stale
from bookings.models import Booking, Hold
from bookings.models.status import Status
from bookings.services import Place
from core.errors import Invalid, NotFound, NotPermitted
from stations.models import Station
from tests import factories
from tests.factories import FRIDAY, SATURDAY, booking, open_station


def test_reschedule_moves_booking_and_its_places(station: Station, staff: User) -> None:
    made = booking(station, FRIDAY, time(18), slots=2)

    moved = services.reschedule(made.pk, to=Place(SATURDAY, time(19)), by=staff).booking

    assert (moved.date, moved.slot, moved.version) == (SATURDAY, time(19), 2)
    assert sorted(Hold.objects.values_list("date", "slot")) == [(SATURDAY, time(19)), (SATURDAY, time(20))]
    entry = AuditEntry.objects.filter(event="rescheduled").get()
    assert (entry.actor, entry.station) == (staff, station)
    assert entry.changes["date"] == ["2031-03-07", "2031-03-08"]


def test_reschedule_reads_the_customer_only_on_the_way_to_another_station(station: Station, staff: User) -> None:
    court = open_station(code="court", name="Court")
    staff.stations.add(court)
    made = booking(station, FRIDAY, time(18), customer=Contact("Ana", "ana@example.com"))

    with CaptureQueriesContext(connection) as within:
        services.reschedule(made.pk, to=Place(FRIDAY, time(19)), by=staff)
    with CaptureQueriesContext(connection) as away:
        services.reschedule(made.pk, to=Place(FRIDAY, time(19), "court"), by=staff)

    reads = [
        any('FROM "accounts_customer"' in one["sql"] for one in asked.captured_queries) for asked in (within, away)
    ]
    assert reads == [False, True]


def test_reschedule_into_a_full_slot_is_refused_and_changes_nothing(station: Station, staff: User) -> None:
    made = booking(station, FRIDAY, time(18))
    for _n in range(3):
        booking(station, SATURDAY, time(18))

    with pytest.raises(SlotFull):
        services.reschedule(made.pk, to=Place(SATURDAY, time(18)), by=staff)

    assert Booking.objects.get(pk=made.pk).date == FRIDAY
    assert not AuditEntry.objects.filter(event="rescheduled").exists()


def test_reschedule_of_a_changed_booking_is_stale_and_says_by_whom(station: Station, staff: User) -> None:
    made = booking(station)
    services.reschedule(made.pk, to=Place(SATURDAY, time(18)), by=staff)

    with pytest.raises(Stale) as refusal:
        services.reschedule(made.pk, to=Place(FRIDAY, time(19)), by=roles.OPERATOR, seen_version=1)

    assert (refusal.value.data.last.who, refusal.value.data.last.what) == (
        staff.email,
        "Fri 7 Mar 2031 18:00 → Sat 8 Mar 2031 18:00",
    )


def test_reschedule_to_the_same_place_writes_nothing(station: Station, staff: User) -> None:
    made = booking(station)

    again = services.reschedule(made.pk, to=Place(FRIDAY, time(18)), by=staff).booking

    assert again.version == 1
    assert not AuditEntry.objects.filter(event="rescheduled").exists()


def test_reschedule_of_a_long_booking_may_overlap_its_own_place(station: Station, staff: User) -> None:
    made = booking(station, slot=time(18), slots=2)
    booking(station, slot=time(19), slots=1)
    booking(station, slot=time(19), slots=1)

    services.reschedule(made.pk, to=Place(FRIDAY, time(19)), by=staff)

    assert sorted(Hold.objects.filter(booking=made).values_list("slot", flat=True)) == [time(19), time(20)]


@pytest.mark.parametrize("status", [Status.ARRIVED, Status.COMPLETED, Status.NO_SHOW, Status.CANCELLED])
def test_reschedule_of_what_is_not_pending_or_confirmed_is_refused(
    station: Station, staff: User, status: Status
) -> None:
    with pytest.raises(NotReschedulable, match="Cannot reschedule"):
        services.reschedule(booking(station, status=status).pk, to=Place(SATURDAY, time(18)), by=staff)


def test_reschedule_is_possible_until_the_slot_begins(station: Station, staff: User) -> None:
    made = booking(station, SATURDAY)
    with time_machine.travel(datetime(2031, 3, 7, 17, tzinfo=UTC), tick=False), pytest.raises(Past):
        services.reschedule(made.pk, to=Place(FRIDAY, time(18)), by=staff)
    with time_machine.travel(datetime(2031, 3, 7, 16, 59, 59, tzinfo=UTC), tick=False):
        assert services.reschedule(made.pk, to=Place(FRIDAY, time(18)), by=staff).booking.date == FRIDAY


def test_reschedule_of_what_is_over_into_the_future_is_possible(station: Station, staff: User) -> None:
    made = booking(station, FRIDAY)

    with time_machine.travel(datetime(2031, 3, 8, 1, tzinfo=UTC), tick=False):
        assert services.reschedule(made.pk, to=Place(SATURDAY, time(18)), by=staff).booking.date == SATURDAY


@pytest.mark.parametrize(
    ("place", "refusal"),
    [
        (Place(FRIDAY, time(18, 30)), NoSuchSlot),
        (Place(date(2020, 1, 1), time(18)), Past),
        (Place(date(2020, 1, 1), time(3)), Past),
        (Place(date.max, time(18)), NoSuchSlot),
        (Place(date.min, time(18)), Past),
        (Place(SATURDAY, time(18), "nowhere"), NotFound),
    ],
)
def test_reschedule_to_where_nothing_can_stand_is_refused(
    station: Station, staff: User, place: Place, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        services.reschedule(booking(station).pk, to=place, by=staff)


def test_reschedule_says_past_before_full_and_stale_before_all(station: Station, staff: User) -> None:
    made = booking(station, FRIDAY)
    booking(station, date(2020, 1, 3))
    services.change_status(made.pk, Status.CANCELLED, by=staff)

    with pytest.raises(Stale):
        services.reschedule(made.pk, to=Place(date(2020, 1, 3), time(18)), by=staff, seen_version=1)
    with pytest.raises(NotReschedulable):
        services.reschedule(made.pk, to=Place(date(2020, 1, 3), time(18)), by=staff, seen_version=2)


def test_reschedule_to_another_station_takes_the_person_and_starts_a_history_there(staff: User) -> None:
    home, away = open_station(name="Home"), open_station(name="Away")
    staff.stations.add(home, away)
    made = booking(home, customer=Contact("Ana García", "ana@example.com"), special_requests="nuts")

    moved = services.reschedule(made.pk, to=Place(SATURDAY, time(19), away.code), by=staff).booking

    assert moved.customer is not None
    assert (moved.station, moved.customer.station, moved.customer.name) == (away, away, "Ana García")
    assert moved.customer_id != made.customer_id
    assert moved.special_requests == "nuts"
    assert set(Hold.objects.values_list("station", "date")) == {(away.pk, SATURDAY)}
    [line] = audit.story(moved, roles.OPERATOR)
    assert line.what == f"{home.code} Fri 7 Mar 2031 18:00 → {away.code} Sat 8 Mar 2031 19:00"
    left = AuditEntry.objects.get(event="left")
    assert left.station == home
    assert str(moved.customer_id) not in str(left.changes)


def test_reschedule_to_another_station_finds_the_person_who_is_there_already(staff: User) -> None:
    home, away = open_station(), open_station()
    staff.stations.add(home, away)
    known = factories.customer(away, "Ana García", "ana@example.com")
    made = booking(home, customer=Contact("Ana Garcia", "ana@example.com"))

    assert services.reschedule(made.pk, to=Place(SATURDAY, time(19), away.code), by=staff).booking.customer == known


def test_reschedule_to_a_station_of_another_currency_is_refused(staff: User) -> None:
    home, away = open_station(), open_station(currency="USD")
    staff.stations.add(home, away)

    with pytest.raises(Invalid, match="currency"):
        services.reschedule(booking(home).pk, to=Place(SATURDAY, time(19), away.code), by=staff)


def test_reschedule_to_a_station_where_the_reference_is_taken_is_refused(staff: User) -> None:
    home, away = open_station(), open_station()
    staff.stations.add(home, away)
    made, taken = booking(home, external_ref="A1"), booking(away, external_ref="A1")

    with pytest.raises(Duplicate) as refusal:
        services.reschedule(made.pk, to=Place(SATURDAY, time(19), away.code), by=staff)

    assert refusal.value.data == taken.pk


def test_reschedule_to_a_station_of_others_finds_nothing(station: Station, staff: User) -> None:
    away = open_station()

    with pytest.raises(NotFound):
        services.reschedule(booking(station).pk, to=Place(SATURDAY, time(19), away.code), by=staff)
    with pytest.raises(NotFound):
        services.reschedule(booking(away).pk, to=Place(SATURDAY, time(19)), by=staff)


def test_reschedule_keeps_whom_it_refused_at_home(staff: User) -> None:
    home, away = open_station(), open_station(capacity=1)
    staff.stations.add(home, away)
    booking(away, SATURDAY, time(19))
    made = booking(home, customer=Contact("Ana García", "ana@example.com"))

    with pytest.raises(SlotFull):
        services.reschedule(made.pk, to=Place(SATURDAY, time(19), away.code), by=staff)

    kept = Booking.objects.get(pk=made.pk)
    assert (kept.station, kept.customer_id, kept.version) == (home, made.customer_id, 1)
    assert not Customer.objects.filter(station=away).exists()


def test_reschedule_by_a_viewer_is_not_permitted(station: Station) -> None:
    with pytest.raises(NotPermitted):
        services.reschedule(
            booking(station).pk, to=Place(SATURDAY, time(18)), by=factories.person(roles.VIEWERS, station)
        )


def test_reschedule_returns_whether_the_booking_was_moved(station: Station, staff: User) -> None:
    made = booking(station)

    moved = services.reschedule(made.pk, to=Place(SATURDAY, time(19)), by=staff)
    again = services.reschedule(made.pk, to=Place(SATURDAY, time(19)), by=staff)

    assert [(result.changed, result.booking.version, result.step) for result in (moved, again)] == [
        (True, 2, None),
        (False, 2, None),
    ]


def test_idempotent_reschedule_accepts_an_older_version_only_where_the_booking_already_is(
    station: Station, staff: User
) -> None:
    made = booking(station)
    there, elsewhere = Place(SATURDAY, time(19)), Place(SATURDAY, time(20))
    services.reschedule(made.pk, to=there, by=staff)

    repeated = services.reschedule(made.pk, to=there, by=staff, seen_version=1, idempotent=True)

    assert (repeated.changed, repeated.booking.version) == (False, 2)
    for to, version, idempotent in ((there, 1, False), (there, 3, True), (elsewhere, 1, True)):
        with pytest.raises(Stale):
            services.reschedule(made.pk, to=to, by=staff, seen_version=version, idempotent=idempotent)


@pytest.mark.parametrize("contact", [True, False])
def test_row_of_a_booking_that_was_just_written_is_the_one_in_the_database(
    station: Station, staff: User, contact: bool
) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"), special_requests="Nuts!")
    moved = services.reschedule(made.pk, to=Place(SATURDAY, time(19)), by=staff).booking
    assert moved.customer

    with CaptureQueriesContext(connection) as asked:
        row = read_model.row_of(staff, moved, contact=contact)

    assert len(asked) == 0
    assert [row] == read_model.rows_of(staff, Booking.objects.filter(pk=made.pk), contact=contact)
