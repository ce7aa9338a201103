"""Which places a booking takes: in all of its slots, in those that have begun, or in none, by its status."""

from collections.abc import Collection, Sequence
from datetime import datetime, time

from bookings.models import Booking
from bookings.models.status import Places
from bookings.services import capacity
from bookings.services.capacity import Ledger
from bookings.services.common import assign_slots
from stations.models import Station
from stations.timetable import Slot, instant
from stations.timetable_queries import load_timetable


def slots_to_take(booking: Booking, slots: Sequence[Slot], *, now: datetime) -> list[Slot]:
    """Those of the slots that the booking takes a place in when it is put there."""
    match booking.places:
        case Places.ALL:
            return [*slots]
        case Places.BEGUN:
            return [slot for slot in slots if slot.starts_at <= now]
        case Places.NONE:
            return []


def slots_to_keep(booking: Booking, slots: Sequence[Slot], held: Collection[time], *, now: datetime) -> list[Slot]:
    """Those of the slots that a booking of another length takes a place in. It has places in the slots that begin at `held`."""
    match booking.places:
        case Places.ALL:
            return [slot for slot in slots if slot.ends_at > now or slot.start in held]
        case Places.BEGUN:
            return [slot for slot in slots if slot.start in held]
        case Places.NONE:
            return []


def follow_status(booking: Booking, station: Station, *, now: datetime) -> None:
    """Release the places that the booking's new status gives up, or take those that it needs again: none in slots that are over.

    Raises NoSuchSlot, SlotClosed or SlotFull.
    """
    match booking.places:
        case Places.ALL:
            _take_again(booking, station, now)
        case Places.BEGUN:
            _release_ahead(booking, station, now)
        case Places.NONE:
            capacity.release([booking.pk])


def _take_again(booking: Booking, station: Station, now: datetime) -> None:
    if booking.ends_at <= now:
        return
    timetable = load_timetable(station, booking.date, booking.date)
    slots = timetable.consecutive_slots(booking.date, booking.slot, booking.slots)
    held = {*booking.holds.values_list("slot", flat=True)}
    missing = [slot for slot in slots if slot.ends_at > now and slot.start not in held]
    taken = Ledger(station.pk, [booking.date]).take(booking, missing)
    assign_slots(booking, slots)
    capacity.insert(taken)


def _release_ahead(booking: Booking, station: Station, now: datetime) -> None:
    """Release the slots that have not begun."""
    starts = {
        start: instant(station.zone, booking.date, start) for start in booking.holds.values_list("slot", flat=True)
    }
    capacity.release_slots(booking.pk, [start for start, at in starts.items() if at is None or at > now])
