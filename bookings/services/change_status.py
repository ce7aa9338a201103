"""Changing the status of a booking."""

from uuid import UUID

from django.utils import timezone

from accounts import roles
from bookings import audit
from bookings.audit import Event
from bookings.models import Booking
from bookings.models.mail_state import Standing
from bookings.models.status import Status
from bookings.services import capacity
from bookings.services.capacity import Ledger
from bookings.services.common import (
    put,
    record_change,
    require_version,
)
from bookings.services.locking import counted, locked, one_change
from bookings.services.status_steps import require_step
from bookings.undo import steps
from core.db import sql
from stations.access import Person
from stations.timetable_queries import timetable_of


@counted("status")
def change_status(booking_id: UUID, to: Status, *, by: Person, seen_version: int | None = None) -> Booking:
    """One step of `status.STEPS`; cancelling gives the places up, restoring asks for them again. The status that the booking
    has already: nothing is written.

    Raises NotPermitted, NotFound, Stale, InvalidStep, TooEarly, and on a restore NoSuchSlot, SlotClosed or SlotFull.
    """
    roles.require(by, roles.CHANGE)
    with one_change():
        booking, station, chains = locked(by, booking_id)
        require_version(booking, seen_version, by)
        if booking.status == to:
            return booking
        require_step(booking, to, now=timezone.now())
        before, stood, undo_step = audit.recorded(booking), Standing.of(booking), steps.Recorder(booking, by)
        restored, booking.status = booking.status == Status.CANCELLED, to
        if to == Status.CANCELLED:
            capacity.give_up([booking.pk])
            booking.needs_place = False
        if restored:
            slots = timetable_of(station, booking.date, booking.date).row_of_slots(
                booking.date, booking.slot, booking.slots
            )
            taken = Ledger(sql.key(station.pk), [booking.date]).take(booking, slots)
            put(booking, slots)
            capacity.write(taken)
        return record_change(booking, Event.STATUS, before, stood, undo_step, by=by, chains=chains)
