"""A changed timetable, and the bookings that stand in it."""

from datetime import UTC, date, datetime, time
from typing import Any

import pytest
import time_machine

from accounts import roles
from accounts.models import AuditEntry, User
from bookings import services
from bookings.errors import SlotFull, WouldDisplace, WouldRetime
from bookings.models import Booking, Hold
from bookings.models.status import Status
from bookings.services import Place
from bookings.services.timetable_changes import timetable_change
from bookings.services.verification import differences
from core.errors import Invalid, NotFound, NotPermitted
from stations.models import Opening, Station
from tests import factories
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking, open_station, person


@pytest.fixture
def manager(station: Station) -> User:
    return person(roles.MANAGERS, station)


def close_friday(station: Station, manager: User, **agreed: Any) -> None:
    with timetable_change(station, by=manager, **agreed):
        ExceptionFactory(station=station, date=FRIDAY, reason="Stocktaking")


def displaced() -> set[object]:
    return set(Booking.objects.displaced().values_list("pk", flat=True))


def test_changing_lists_who_would_lose_their_place_and_changes_nothing(station: Station, manager: User) -> None:
    second, first = booking(station, slot=time(19)), booking(station, slot=time(18))
    booking(station, SATURDAY)

    with pytest.raises(WouldDisplace) as refusal:
        close_friday(station, manager)

    assert refusal.value.data == [first, second]
    assert not station.exceptions.exists()
    assert Hold.objects.count() == 3


def test_changing_displaces_where_the_manager_says_so_and_drops_nobody(station: Station, manager: User) -> None:
    made, other = booking(station), booking(station, SATURDAY)

    close_friday(station, manager, displace=True)

    assert displaced() == {made.pk}
    assert list(Hold.objects.values_list("booking", flat=True)) == [other.pk]
    entry = AuditEntry.objects.get(event="displaced")
    assert (entry.actor, entry.changes) == (manager, {"needs_place": [False, True]})
    assert not list(differences())


def test_changing_to_a_smaller_capacity_displaces_the_newest(station: Station, manager: User) -> None:
    first, second, third = (booking(station) for _n in range(3))

    with timetable_change(station, by=manager, displace=True):
        station.openings.update(capacity=1)

    assert displaced() == {second.pk, third.pk}
    assert list(Hold.objects.values_list("booking", "lane", "capacity")) == [(first.pk, 0, 1)]
    with pytest.raises(SlotFull):
        services.reschedule(second.pk, to=Place(FRIDAY, time(18)), by=manager)


def test_changing_to_a_smaller_capacity_gives_those_who_stay_lanes_below_it(station: Station, manager: User) -> None:
    first, second, third = (booking(station) for _n in range(3))
    services.change_status(first.pk, Status.CANCELLED, by=manager)
    services.change_status(second.pk, Status.CANCELLED, by=manager)

    with timetable_change(station, by=manager):
        station.openings.update(capacity=1)

    assert list(Hold.objects.values_list("booking", "lane", "capacity")) == [(third.pk, 0, 1)]
    with pytest.raises(SlotFull):
        booking(station)


def test_changing_to_a_smaller_guest_capacity_displaces_the_newest(manager: User) -> None:
    station = open_station(guest_capacity=10)
    manager.stations.add(station)
    booking(station, party_adults=4)
    second = booking(station, party_adults=4)

    with timetable_change(station, by=manager, displace=True):
        station.openings.update(guest_capacity=7)

    assert displaced() == {second.pk}


def test_changing_takes_the_whole_of_a_long_booking_where_one_slot_goes(station: Station, manager: User) -> None:
    made = booking(station, slot=time(18), slots=3)

    with timetable_change(station, by=manager, displace=True):
        ExceptionFactory(station=station, date=FRIDAY, slot=time(20))

    assert displaced() == {made.pk}
    assert not Hold.objects.exists()


def test_changing_leaves_what_has_begun_and_what_is_cancelled_alone(station: Station, manager: User) -> None:
    booking(station, slot=time(18))
    booking(station, slot=time(20), status=Status.CANCELLED)

    with time_machine.travel(datetime(2031, 3, 7, 17, tzinfo=UTC), tick=False):
        close_friday(station, manager)

    assert not displaced()
    assert Hold.objects.count() == 1


def test_changing_lets_a_displaced_booking_hold_again_when_moved(station: Station, manager: User) -> None:
    made = booking(station)
    close_friday(station, manager, displace=True)

    moved = services.reschedule(made.pk, to=Place(SATURDAY, time(18)), by=manager).booking

    assert not moved.needs_place
    assert Hold.objects.get().booking == made


def test_changing_back_does_not_bring_a_displaced_booking_back_by_itself(station: Station, manager: User) -> None:
    made = booking(station)
    close_friday(station, manager, displace=True)
    with timetable_change(station, by=manager):
        station.exceptions.all().delete()

    assert displaced() == {made.pk}
    assert services.reschedule(made.pk, to=Place(FRIDAY, time(18)), by=manager).booking.version == 3


def test_changing_the_length_of_slots_moves_the_ends_of_those_ahead(station: Station, manager: User) -> None:
    made = booking(station)

    with timetable_change(station, by=manager):
        station.openings.update(minutes=45)

    made.refresh_from_db()
    assert (made.ends_at - made.starts_at).total_seconds() == 45 * 60
    assert AuditEntry.objects.filter(event="retimed").count() == 1


def test_changing_refuses_openings_that_overlap(station: Station, manager: User) -> None:
    with pytest.raises(Invalid, match="overlap"), timetable_change(station, by=manager):
        Opening.objects.create(station=station, weekday=4, start=time(17, 30), minutes=60, capacity=1)

    assert not Opening.objects.filter(start=time(17, 30)).exists()


def test_changing_the_zone_says_first_what_moves_and_keeps_local_times(station: Station, manager: User) -> None:
    made = booking(station)

    def to_new_york(**agreed: Any) -> None:
        with timetable_change(station, by=manager, **agreed):
            Station.objects.filter(pk=station.pk).update(time_zone="America/New_York")

    with pytest.raises(WouldRetime) as refusal:
        to_new_york()
    assert refusal.value.data == [made]

    to_new_york(retime=True)

    made.refresh_from_db()
    assert (made.date, made.slot, made.starts_at) == (FRIDAY, time(18), datetime(2031, 3, 7, 23, tzinfo=UTC))
    assert not list(differences())


def test_changing_the_zone_displaces_what_falls_into_a_skipped_hour(manager: User) -> None:
    station = open_station(hours=[2], time_zone="UTC")
    manager.stations.add(station)
    made = booking(station, date(2031, 3, 30), time(2))

    with timetable_change(station, by=manager, retime=True, displace=True):
        Station.objects.filter(pk=station.pk).update(time_zone="Europe/Berlin")

    assert displaced() == {made.pk}


def test_changing_bumps_the_stations_counter(station: Station, manager: User) -> None:
    with timetable_change(station, by=manager):
        pass

    station.refresh_from_db()
    assert station.changes == 1


def test_changing_needs_the_right_and_the_station(station: Station, staff: User) -> None:
    with pytest.raises(NotPermitted), timetable_change(station, by=staff):
        pass
    with pytest.raises(NotFound), timetable_change(station, by=factories.person(roles.MANAGERS, open_station())):
        pass
