"""The steps of a booking's life."""

from datetime import time

import pytest

from accounts.models import AuditEntry, User
from bookings import services
from bookings.errors import InvalidStep, NoSuchSlot, SlotClosed, SlotFull, Stale
from bookings.models import Booking, Hold
from bookings.workflow import Status
from stations.models import Opening, Station
from tests.factories import FRIDAY, ExceptionFactory, booking

CONTRACT = {
    "pending": {"confirmed", "cancelled"},
    "confirmed": {"arrived", "completed", "no_show", "cancelled"},
    "arrived": {"completed", "confirmed"},
    "no_show": {"confirmed", "arrived"},
    "cancelled": {"pending", "confirmed"},
    "completed": {"confirmed"},
}


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_change_status_takes_the_contracts_steps_and_no_other(
    station: Station, staff: User, before: Status, after: Status
) -> None:
    made = booking(station, status=before)

    if after in CONTRACT[before]:
        assert services.change_status(made.pk, after, by=staff).status == after
        assert AuditEntry.objects.get(event="status").changes["status"] == [before, after]
    elif after == before:
        assert services.change_status(made.pk, after, by=staff).version == made.version
        assert not AuditEntry.objects.filter(event="status").exists()
    else:
        with pytest.raises(InvalidStep):
            services.change_status(made.pk, after, by=staff)
    assert Hold.objects.count() == (Booking.objects.get(pk=made.pk).status != Status.CANCELLED)


def test_change_status_to_cancelled_gives_the_place_to_others(station: Station, staff: User) -> None:
    first, *_rest = [booking(station) for _n in range(3)]

    services.change_status(first.pk, Status.CANCELLED, by=staff)

    assert booking(station)


def test_change_status_restores_only_where_there_is_room(station: Station, staff: User) -> None:
    made = booking(station, status=Status.CANCELLED)
    for _n in range(3):
        booking(station)

    with pytest.raises(SlotFull):
        services.change_status(made.pk, Status.CONFIRMED, by=staff)

    assert Booking.objects.get(pk=made.pk).status == Status.CANCELLED


def test_change_status_restores_only_into_open_slots_that_exist(station: Station, staff: User) -> None:
    made = booking(station, status=Status.CANCELLED)
    closed = ExceptionFactory(station=station, date=FRIDAY, slot=time(18))
    with pytest.raises(SlotClosed):
        services.change_status(made.pk, Status.PENDING, by=staff)

    closed.delete()
    Opening.objects.filter(station=station).delete()
    with pytest.raises(NoSuchSlot):
        services.change_status(made.pk, Status.PENDING, by=staff)


def test_change_status_of_a_version_that_is_past_is_stale(station: Station, staff: User) -> None:
    made = booking(station)
    services.change_status(made.pk, Status.ARRIVED, by=staff)

    with pytest.raises(Stale):
        services.change_status(made.pk, Status.COMPLETED, by=staff, seen_version=1)


def test_change_status_cancels_a_displaced_booking_which_then_needs_no_place(station: Station, staff: User) -> None:
    made = booking(station)
    Hold.objects.all().delete()
    Booking.objects.update(needs_place=True)

    cancelled = services.change_status(made.pk, Status.CANCELLED, by=staff)

    assert not cancelled.needs_place
