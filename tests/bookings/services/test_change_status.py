"""The steps of a booking's life."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from accounts import roles
from accounts.models import AuditEntry, User
from bookings import services
from bookings.errors import InvalidStep, NoSuchSlot, SlotClosed, SlotFull, Stale, TooEarly
from bookings.models import Booking, Hold
from bookings.models.status import HOLDING, Status
from stations.models import Opening, Station
from tests.factories import FRIDAY, ExceptionFactory, booking, open_station

CONTRACT = {
    "pending": {"confirmed", "arrived", "cancelled"},
    "confirmed": {"arrived", "completed", "no_show", "cancelled"},
    "arrived": {"completed", "confirmed"},
    "no_show": {"confirmed", "arrived"},
    "cancelled": {"pending", "confirmed"},
    "completed": {"arrived", "confirmed"},
}


@pytest.mark.usefixtures("on_friday")
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
    assert Hold.objects.exists() == (Booking.objects.get(pk=made.pk).status in HOLDING)


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
    services.change_status(made.pk, Status.COMPLETED, by=staff)

    with pytest.raises(Stale):
        services.change_status(made.pk, Status.CONFIRMED, by=staff, seen_version=1)


def test_change_status_cancels_a_displaced_booking_which_then_needs_no_place(station: Station, staff: User) -> None:
    made = booking(station)
    Hold.objects.all().delete()
    Booking.objects.update(needs_place=True)

    cancelled = services.change_status(made.pk, Status.CANCELLED, by=staff)

    assert not cancelled.needs_place


AUCKLAND, HONOLULU = ZoneInfo("Pacific/Auckland"), ZoneInfo("Pacific/Honolulu")
MIDNIGHT = datetime.combine(FRIDAY, time(0))


@pytest.mark.parametrize("zone", [AUCKLAND, HONOLULU])
@pytest.mark.parametrize(
    ("before", "to"),
    [
        (Status.CONFIRMED, Status.ARRIVED),
        (Status.CONFIRMED, Status.NO_SHOW),
        (Status.NO_SHOW, Status.ARRIVED),
    ],
)
def test_change_status_takes_arrivals_and_no_shows_from_the_stations_day_on(
    db: None, zone: ZoneInfo, before: Status, to: Status
) -> None:
    made = booking(open_station(time_zone=str(zone)), FRIDAY, time(21), status=before)
    begin = MIDNIGHT.replace(tzinfo=zone)

    with (
        time_machine.travel(begin - timedelta(seconds=1), tick=False),
        pytest.raises(TooEarly, match=f"A booking cannot be marked as {to.label} before its day, Fri 7 Mar 2031."),
    ):
        services.change_status(made.pk, to, by=roles.OPERATOR)
    assert Booking.objects.get(pk=made.pk).version == 1

    with time_machine.travel(begin, tick=False):
        assert services.change_status(made.pk, to, by=roles.OPERATOR).status == to


def test_change_status_says_that_the_workflow_lacks_a_step_before_that_it_is_too_early(station: Station) -> None:
    made = booking(station, status=Status.CANCELLED)

    with pytest.raises(InvalidStep):
        services.change_status(made.pk, Status.NO_SHOW, by=roles.OPERATOR)


@pytest.mark.parametrize("day", [date(2020, 2, 29), FRIDAY])
@pytest.mark.parametrize("status", [Status.ARRIVED, Status.NO_SHOW])
def test_import_takes_whatever_the_other_system_has_decided(station: Station, day: date, status: Status) -> None:
    assert booking(station, day, status=status).status == status
