"""Moving a booking."""

from datetime import time

import pytest

from accounts import roles
from accounts.models import AuditEntry, User
from bookings import services
from bookings.errors import SlotFull, Stale
from bookings.models import Booking, Hold
from bookings.services import Place
from stations.models import Station
from tests.factories import FRIDAY, SATURDAY, booking


def test_reschedule_moves_booking_and_its_places(station: Station, staff: User) -> None:
    made = booking(station, FRIDAY, time(18), slots=2)

    moved = services.reschedule(made.pk, to=Place(SATURDAY, time(19)), by=staff)

    assert (moved.date, moved.slot, moved.version) == (SATURDAY, time(19), 2)
    assert sorted(Hold.objects.values_list("date", "slot")) == [(SATURDAY, time(19)), (SATURDAY, time(20))]
    entry = AuditEntry.objects.filter(event="rescheduled").get()
    assert (entry.actor, entry.station) == (staff, station)
    assert entry.changes["date"] == ["2031-03-07", "2031-03-08"]


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
        "Fri 7 March 2031 18:00 → Sat 8 March 2031 18:00",
    )
