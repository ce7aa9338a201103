"""Guests at the door without a booking: they are booked as arrived in the slot that is running."""

from datetime import timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import roles
from bookings.models import Booking
from bookings.models.status import Status
from bookings.services.create import create
from bookings.services.inputs import Draft
from core.errors import NotFound
from stations.access import Person
from stations.errors import NoSuchSlot
from stations.models import Station
from stations.timetable import Slot, local_now
from stations.timetable_queries import load_timetable

SOURCE: Final = "walk-in"


def seat_walk_in(code: str, guests: int, *, by: Person) -> Booking:
    """Book a party of `guests` as arrived at the station with this code.

    Raises NotPermitted, NotFound, NoSuchSlot if no slot is running, SlotClosed or SlotFull.
    """
    roles.require(by, roles.CHANGE)
    station = Station.objects.visible_to(by).coded(code).first()
    if station is None:
        raise NotFound(_("Unknown station."))
    slot = _running_slot(station)
    if slot is None:
        raise NoSuchSlot(_("The station is closed now."))
    draft = Draft(code, slot.date, slot.start, party_adults=guests, status=Status.ARRIVED, source=SOURCE)
    return create(draft, by=by)


def _running_slot(station: Station) -> Slot | None:
    now = timezone.now()
    today = local_now(station, now).date()
    yesterday = today - timedelta(days=1)  # its last slot may run past midnight
    timetable = load_timetable(station, yesterday, today)
    slots = [slot for day in (today, yesterday) for slot in timetable.slots_of(day)]
    return next((slot for slot in slots if slot.starts_at <= now < slot.ends_at), None)
