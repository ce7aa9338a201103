"""Changing the status of a booking."""

from uuid import UUID

from django.utils import timezone

from accounts import roles
from bookings import audit
from bookings.audit import Event
from bookings.models import Booking
from bookings.models.mail_state import BookingSnapshot
from bookings.models.status import HOLDING, Status
from bookings.services import capacity
from bookings.services.capacity import Ledger
from bookings.services.common import (
    assign_slots,
    record_change,
    require_version,
)
from bookings.services.locking import atomic_change, lock_booking, record_metrics
from bookings.services.status_steps import require_step
from bookings.undo import steps
from stations.access import Person
from stations.timetable_queries import load_timetable


@record_metrics("status")
def change_status(
    booking_id: UUID, to: Status, *, by: Person, seen_version: int | None = None, idempotent: bool = False
) -> Booking:
    """Take one step of the workflow. Cancelling releases the places, restoring takes them again.

    Writes nothing if the booking has the status already; `idempotent` accepts an older version then.

    Raises NotPermitted, NotFound, Stale, InvalidStep, TooEarly, and when restoring NoSuchSlot, SlotClosed or SlotFull.
    """
    roles.require(by, roles.CHANGE)
    with atomic_change():
        booking, station, chains = lock_booking(by, booking_id)
        require_version(booking, seen_version, by, is_done=idempotent and booking.status == to)
        if booking.status == to:
            return booking
        require_step(booking, to, now=timezone.now())
        before, previous, undo_step = audit.recorded(booking), BookingSnapshot.of(booking), steps.Recorder(booking, by)
        held, booking.status = booking.status in HOLDING, to
        if to not in HOLDING:
            capacity.release([booking.pk])
            booking.needs_place = False
        elif not held:
            slots = load_timetable(station, booking.date, booking.date).consecutive_slots(
                booking.date, booking.slot, booking.slots
            )
            taken = Ledger(station.pk, [booking.date]).take(booking, slots)
            assign_slots(booking, slots)
            capacity.insert(taken)
        return record_change(booking, Event.STATUS, before, previous, undo_step, by=by, chains=chains)
