"""Closing a day of a station, or hours of it, with a reason, and opening it again."""

from collections.abc import Collection
from datetime import date, time

from django.db.models import Q

from accounts import roles
from bookings.models import Booking
from bookings.services.inputs import Place
from bookings.services.locking import atomic_change
from bookings.services.reschedule import reschedule
from bookings.services.timetable_changes import timetable_change
from core.errors import DomainError
from stations.access import Person
from stations.models import Station, TimetableException


def close(
    station: Station, day: date, starts: Collection[time] | None, reason: str, *, by: Person, displace: bool = False
) -> None:
    """Close the slots of a day that begin at these times, or the whole day if `starts` is None.

    Raises NotPermitted, NotFound and, unless `displace`, WouldDisplace for bookings that would lose their place.
    """
    with timetable_change(station, by=by, displace=displace):
        for slot in [None] if starts is None else sorted(starts):
            _close(station, day, slot, reason)
        if starts is None:
            # An exception for one slot would keep it open although the day is closed.
            for left in station.exceptions.filter(date=day, slot__isnull=False, closed=False):
                left.delete()


def _close(station: Station, day: date, slot: time | None, reason: str) -> None:
    closure = TimetableException.objects.filter(station=station, date=day, slot=slot).first()
    closure = closure or TimetableException(station=station, date=day, slot=slot)
    closure.closed, closure.capacity, closure.guest_capacity, closure.reason = True, None, None, reason
    closure.full_clean(validate_unique=False, validate_constraints=False)
    closure.save()


def reopen(station: Station, day: date, *, by: Person) -> list[Booking]:
    """Delete the closures of a day, and give unassigned bookings their own slots again where there is room. Returns these.

    Raises NotPermitted or NotFound.
    """
    roles.require(by, roles.MANAGE)
    with atomic_change():
        with timetable_change(station, by=by):
            for closure in station.exceptions.filter(Q(closed=True), date=day):
                closure.delete()
        waiting = Booking.objects.filter(station=station).displaced().on(day).order_by("created_at", "pk")
        return [one for one in waiting.select_related("station") if _is_seated_again(one, by)]


def _is_seated_again(booking: Booking, by: Person) -> bool:
    try:
        return reschedule(booking.pk, to=Place(booking.date, booking.slot), by=by).changed
    except DomainError:
        return False
