"""Moving a booking to another slot, of its own station or of another."""

from functools import partial
from typing import Final
from uuid import UUID

from django.utils import timezone

from accounts import customers, roles
from accounts.models import Customer
from bookings import audit
from bookings.audit import Event
from bookings.mails import outbox
from bookings.models import Booking
from bookings.models.mail_state import Standing
from bookings.services import capacity, contacts
from bookings.services.capacity import Ledger
from bookings.services.common import (
    move_entries,
    put,
    require_acceptable,
    require_version,
    write,
)
from bookings.services.inputs import Place
from bookings.services.locking import counted, locked_for, one_change
from bookings.services.placement import free_row, require_reschedulable
from bookings.undo import steps
from core.db import sql
from stations.access import Person
from stations.models import Station
from stations.timetable_queries import ask_for_timetable

PLACED: Final = ("station", "customer", "date", "slot", "starts_at", "ends_at", "needs_place")
"""What a booking's place is made of."""


@counted("reschedule")
def reschedule(
    booking_id: UUID, *, to: Place, by: Person, seen_version: int | None = None, allow_running: bool = False
) -> Booking:
    """Move a booking to another place, keeping its length. The same place again: nothing is written.

    `allow_running` takes a slot that has begun until it ends, as a new booking does: for staff, whose guests come early or late.
    Other systems may rely on Past for every slot that has begun.

    Raises, in this order, NotPermitted, NotFound, Stale, NotReschedulable, Invalid (another currency), Duplicate (its
    reference is taken at the other station), Past, NoSuchSlot, SlotClosed or SlotFull.
    """
    roles.require(by, roles.CHANGE)
    with one_change():
        ask = partial(_There, to=to, booking_id=booking_id)
        booking, station, chains, there = locked_for(by, booking_id, to.station, ask)
        require_version(booking, seen_version, by)
        require_reschedulable(booking)
        if (station.pk, to.date, to.slot) == (
            booking.station_id,
            booking.date,
            booking.slot,
        ) and not booking.needs_place:
            return booking
        if station.pk != booking.station_id:
            require_acceptable(booking, station)
        slots = free_row(
            station, there.timetable(station), to, booking.slots, now=timezone.now(), allow_running=allow_running
        )

        before, stood, home = audit.recorded(booking), Standing.of(booking), booking.station
        undo_step = steps.Recorder(booking, by)
        held = 0 if booking.needs_place else booking.slots
        booking.station = station
        there.ledger.release(booking.pk)
        taken = there.ledger.take(booking, slots)
        given: contacts.Changes = {}
        if station != home:
            left = booking.customer
            booking.customer = _customer_at(station, left, home, by=by)
            given = contacts.bring_along(booking, left)
        put(booking, slots)
        with sql.together(to_the_commit=True):
            capacity.exchange(booking, taken, held=held)
            changes = audit.differences(before, audit.recorded(booking), always=("date", "slot"))
            entries = move_entries(booking, home, changes, given)
            known = write(booking, PLACED, entries, stood, by=by, chains=chains, said=there.said)
            undo_step.record(Event.RESCHEDULED, known)
        return booking


class _There:
    """What a move has to know of the place that it goes to, and of what the customer was told."""

    def __init__(self, at: sql.Key, *, to: Place, booking_id: UUID) -> None:
        self.timetable = ask_for_timetable(at, to.date, to.date)
        self.ledger = Ledger(at, [to.date])
        self.said = outbox.ask_what_was_said(booking_id)


def _customer_at(station: Station, left: Customer | None, home: Station, *, by: Person) -> Customer | None:
    if left is None or left.erased_at:
        return None
    left.station = home
    return customers.customer_at(station, left, by=by)
