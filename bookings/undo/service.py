"""Undo and redo of the last change that a person made to a booking in their session."""

from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import roles
from bookings import audit
from bookings.audit import Change, Event
from bookings.errors import NotLast, SlotClosed
from bookings.mails import outbox
from bookings.models import Booking, UndoStep
from bookings.models.mail_state import BookingSnapshot
from bookings.models.status import Places
from bookings.services import capacity, contacts
from bookings.services.capacity import Ledger
from bookings.services.common import (
    assign_slots,
    move_entries,
    require_acceptable,
    require_reference_free,
    require_seats,
    require_version,
    save_change,
)
from bookings.services.locking import atomic_change, lock_booking_and_target, record_metrics
from bookings.services.places import follow_status
from bookings.undo import steps
from core.db import sql
from core.errors import NotFound
from stations.access import Person
from stations.models import Station
from stations.timetable_queries import load_timetable

BEFORE: Final = 0
AFTER: Final = 1
"""The sides of a step's `values`."""
_PLACE: Final = ("station_id", "date", "slot", "slots")
_TIMES: Final = ("starts_at", "ends_at")
"""Always written: the length of the slot may have changed in the timetable since."""


@record_metrics("undo")
def undo(step: UndoStep, *, by: Person) -> Booking:
    """Bring the booking back to its state before the step, which must be the person's last. A new booking is cancelled.

    Raises, in this order, NotPermitted, NotFound, NotLast, Stale, Invalid (another currency), Duplicate, NoSuchSlot,
    SlotClosed or SlotFull; nothing is changed then, and the step stays the last one.
    """
    return _restore(step, BEFORE, by=by)


@record_metrics("redo")
def redo(step: UndoStep, *, by: Person) -> Booking:
    """Bring the booking to its state after a step that was undone. Raises as `undo` does."""
    return _restore(step, AFTER, by=by)


def _restore(step: UndoStep, side: int, *, by: Person) -> Booking:
    roles.require(by, roles.CHANGE)
    with atomic_change():
        code = _station_code(step, side, by)
        booking, station, chains, _prefetched = lock_booking_and_target(by, step.booking_id, code, lambda at: None)
        step = _locked(step, side, by)
        require_version(booking, step.version_after if side == BEFORE else step.version_before, by)

        before, previous, origin = audit.recorded(booking), BookingSnapshot.of(booking), booking.station
        places, guests = booking.places, booking.total_guests
        fields = _apply(booking, step, side, station)
        if step.differs("customer_id"):
            contacts.reassign(booking)
        _update_holds(booking, step, places=places, guests=guests)
        _renumber(booking, step, side)
        changes = audit.differences(before, audit.recorded(booking), always=_fields_to_record(step))
        known = _snapshot_before(booking, step) if side == BEFORE else None
        with sql.pipeline(flush_on_commit=True):
            entries = _entries(booking, step, origin, changes)
            save_change(booking, fields, entries, previous, by=by, chains=chains, known=known)
        return booking


def _station_code(step: UndoStep, side: int, by: Person) -> str | None:
    """The code of the station to return to; None if the booking stays. Raises NotFound if the person has no access to it."""
    if not step.differs("station_id"):
        return None
    pk = step.values["station_id"][side]
    code: str | None = Station.objects.visible_to(by).filter(pk=pk).values_list("code", flat=True).first()
    if code is None:
        raise NotFound
    return code


def _locked(step: UndoStep, side: int, by: Person) -> UndoStep:
    """Lock the stack and read the step again. Raises NotLast if another request was first and it is no longer the next one."""
    # After the station's lock, as when a step is recorded: otherwise two requests of a session could deadlock.
    current = list(steps.stack(by).select_for_update(of=("self",)))
    found = steps.last_done(current) if side == BEFORE else steps.first_undone(current)
    if found is None or found.pk != step.pk:
        raise NotLast
    return found


def _apply(booking: Booking, step: UndoStep, side: int, station: Station) -> list[str]:
    """Give the booking its values on one side of the step. Returns the names of the fields to write."""
    if step.differs("station_id"):
        require_acceptable(booking, station)
        booking.station = station
    names = [name for name in step.values if step.differs(name)]
    for name in names:
        setattr(booking, name, step.values[name][side])
    if step.differs("external_ref"):
        require_reference_free(booking, station)
    return sorted({*(Booking._meta.get_field(name).name for name in names), *_TIMES})


def _update_holds(booking: Booking, step: UndoStep, *, places: Places, guests: int) -> None:
    """Release, take or replace the places of the booking according to its restored state. It had `places` before, for that many
    `guests`."""
    if booking.places is Places.ALL and any(step.differs(name) for name in _PLACE):
        _take_restored_place(booking)
    elif booking.places is not places:
        follow_status(booking, booking.station, now=timezone.now())
    elif booking.places is Places.ALL and booking.total_guests > guests:
        require_seats(booking, booking.station)


def _take_restored_place(booking: Booking) -> None:
    if not booking.station.is_active:
        raise SlotClosed(_("This station takes no new bookings."))
    # In the past too: it was there until just now.
    timetable = load_timetable(booking.station, booking.date, booking.date)
    slots = timetable.consecutive_slots(booking.date, booking.slot, booking.slots)
    ledger = Ledger(booking.station_id, [booking.date])
    ledger.release(booking.pk)
    taken = ledger.take(booking, slots)
    assign_slots(booking, slots)
    capacity.replace(booking, taken)


def _renumber(booking: Booking, step: UndoStep, side: int) -> None:
    """Mark the step as undone or done, and give the new version to other steps that start or end at the restored state."""
    restored, version = (step.version_before, step.version_after)[side], booking.version + 1
    theirs = UndoStep.objects.filter(stack=step.stack, booking=booking)
    for name in ("version_before", "version_after"):
        theirs.filter(**{name: restored}).update(**{name: version})
    UndoStep.objects.filter(pk=step.pk).update(undone=side == BEFORE, station=booking.station)


def _snapshot_before(booking: Booking, step: UndoStep) -> BookingSnapshot | None:
    """What the customer knew before the step, if they have not been notified since."""
    if step.known is None or outbox.was_notified(booking, step.created_at):
        return None
    return BookingSnapshot.from_json(step.known)


def _fields_to_record(step: UndoStep) -> tuple[str, ...]:
    return ("date", "slot") if step.event == Event.RESCHEDULED else ()


def _entries(booking: Booking, step: UndoStep, origin: Station, changes: dict[str, Any]) -> list[Change]:
    if step.event == Event.RESCHEDULED:
        return move_entries(booking, origin, changes)
    event = Event.STATUS if step.event == Event.CREATED else Event(step.event)
    return [Change(booking, event, changes, booking.station_id)]
