"""Moving a booking to another slot, of its own station or of another."""

from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

from django.utils import timezone

from accounts import customers, roles
from accounts.models import Customer
from bookings import audit
from bookings.audit import Event
from bookings.mails import outbox
from bookings.models import Booking, UndoStep
from bookings.models.mail_state import BookingSnapshot
from bookings.models.status import RESCHEDULABLE
from bookings.services import capacity, contacts
from bookings.services.capacity import Ledger
from bookings.services.common import (
    assign_slots,
    move_entries,
    require_acceptable,
    require_version,
    save_change,
)
from bookings.services.inputs import Place
from bookings.services.locking import atomic_change, lock_booking_and_target, record_metrics
from bookings.services.placement import bookable_slots, require_reschedulable
from bookings.undo import steps
from core.db import sql
from stations.access import Person
from stations.models import Station
from stations.timetable_queries import submit_timetable

PLACEMENT_FIELDS: Final = ("station", "customer", "date", "slot", "starts_at", "ends_at", "needs_place")
"""The columns that a move writes."""


@dataclass(frozen=True, slots=True)
class Rescheduled:
    """The result of `reschedule`."""

    booking: Booking
    """As it is now."""
    changed: bool
    """False if the booking was there already; nothing was written then."""
    step: UndoStep | None = None
    """What can be undone; None outside of a browser's session."""


@record_metrics("reschedule")
def reschedule(
    booking_id: UUID,
    *,
    to: Place,
    by: Person,
    seen_version: int | None = None,
    allow_running: bool = False,
    idempotent: bool = False,
) -> Rescheduled:
    """Move a booking to another place, keeping its length. Writes nothing if it is there already; `idempotent` accepts an older
    version then, for a form that is sent twice or a colleague who was quicker.

    With `allow_running` a slot can be taken until it ends, as for a new booking: guests of the staff come early or late. Without,
    a slot that has begun is Past, which other systems rely on.

    Raises, in this order, NotPermitted, NotFound, Stale, NotReschedulable, Invalid (another currency), Duplicate (its
    reference is taken at the other station), Past, NoSuchSlot, SlotClosed or SlotFull.
    """
    roles.require(by, roles.CHANGE)
    with atomic_change():
        prefetch = partial(_Prefetch, to=to, booking_id=booking_id)
        booking, station, chains, target = lock_booking_and_target(by, booking_id, to.station, prefetch)
        is_there = _is_at(booking, station, to)
        is_done = idempotent and is_there and booking.status in RESCHEDULABLE
        require_version(booking, seen_version, by, is_done=is_done)
        require_reschedulable(booking)
        if is_there:
            return Rescheduled(booking, changed=False)
        if station.pk != booking.station_id:
            require_acceptable(booking, station)
        now, timetable = timezone.now(), target.timetable(station)
        slots = bookable_slots(station, timetable, to, booking.slots, now=now, allow_running=allow_running)

        before, previous, origin = audit.recorded(booking), BookingSnapshot.of(booking), booking.station
        undo_step = steps.Recorder(booking, by)
        # Restored after its slots were over, it has no places.
        held = 0 if booking.needs_place or booking.ends_at <= now else booking.slots
        booking.station = station
        target.ledger.release(booking.pk)
        taken = target.ledger.take(booking, slots)
        contact_changes: contacts.Changes = {}
        if station != origin:
            customer = booking.customer
            booking.customer = _customer_at(station, customer, origin, by=by)
            contact_changes = contacts.carry_over(booking, customer)
        assign_slots(booking, slots)
        with sql.pipeline(flush_on_commit=True):
            capacity.replace(booking, taken, held=held)
            changes = audit.differences(before, audit.recorded(booking), always=("date", "slot"))
            entries = move_entries(booking, origin, changes, contact_changes)
            known = save_change(
                booking, PLACEMENT_FIELDS, entries, previous, by=by, chains=chains, notified=target.notified
            )
            step = undo_step.record(Event.RESCHEDULED, known)
        return Rescheduled(booking, changed=True, step=step)


def _is_at(booking: Booking, station: Station, place: Place) -> bool:
    current = (booking.station_id, booking.date, booking.slot) == (station.pk, place.date, place.slot)
    return current and not booking.needs_place


class _Prefetch:
    """What a move reads along with the lock: timetable and ledger of the target, and what the customer has been told."""

    def __init__(self, target: sql.Key, *, to: Place, booking_id: UUID) -> None:
        self.timetable = submit_timetable(target, to.date, to.date)
        self.ledger = Ledger(target, [to.date])
        self.notified = outbox.prefetch_unsettled(booking_id)


def _customer_at(station: Station, customer: Customer | None, origin: Station, *, by: Person) -> Customer | None:
    """The record of the same customer at another station; None for a walk-in and for an erased customer."""
    if customer is None or customer.erased_at:
        return None
    customer.station = origin
    return customers.find_or_create_at(station, customer, by=by)
