"""Changing the status of a booking."""

from uuid import UUID

from django.utils import timezone

from accounts import roles
from bookings import audit
from bookings.audit import Event
from bookings.models import Booking
from bookings.models.mail_state import BookingSnapshot
from bookings.models.status import Status
from bookings.services.common import record_change, require_version
from bookings.services.locking import atomic_change, lock_booking, record_metrics
from bookings.services.places import follow_status
from bookings.services.status_steps import require_step
from bookings.undo import steps
from stations.access import Person


@record_metrics("status")
def change_status(
    booking_id: UUID, to: Status, *, by: Person, seen_version: int | None = None, idempotent: bool = False
) -> Booking:
    """Take one step of the workflow, which may release places or take them again: see `Places`.

    Writes nothing if the booking has the status already; `idempotent` accepts an older version then.

    Raises NotPermitted, NotFound, Stale, InvalidStep, TooEarly, and if places are taken again NoSuchSlot, SlotClosed or
    SlotFull.
    """
    roles.require(by, roles.CHANGE)
    with atomic_change():
        booking, station, chains = lock_booking(by, booking_id)
        require_version(booking, seen_version, by, is_done=idempotent and booking.status == to)
        if booking.status == to:
            return booking
        now = timezone.now()
        require_step(booking, to, now=now)
        before, previous, undo_step = audit.recorded(booking), BookingSnapshot.of(booking), steps.Recorder(booking, by)
        places, booking.status = booking.places, to
        if booking.places is not places:
            follow_status(booking, station, now=now)
        if not to.facts.can_be_unassigned:
            booking.needs_place = False
        return record_change(booking, Event.STATUS, before, previous, undo_step, by=by, chains=chains)
