"""Editing what a booking says, and amending it by an import."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from accounts import customers, roles
from accounts.audit.origin import is_external
from accounts.customers import Contact
from accounts.models import Customer
from bookings import audit
from bookings.audit import Event
from bookings.models import Booking
from bookings.models.mail_state import Standing
from bookings.models.status import Status
from bookings.services import batch_create, capacity, contacts
from bookings.services.capacity import Ledger
from bookings.services.common import (
    record_change,
    require_reference_free,
    require_seats,
    require_version,
)
from bookings.services.inputs import AMENDABLE, EDITABLE, FIELDS, PERSONAL
from bookings.services.locking import counted, locked, one_change
from bookings.undo import steps
from core.db import sql
from core.errors import Invalid, NotFound
from stations.access import Person
from stations.models import Station
from stations.timetable_queries import timetable_of


@counted("edit")
def edit(booking_id: UUID, changes: Mapping[str, Any], *, by: Person, seen_version: int | None = None) -> Booking:
    """Change any of `drafts.EDITABLE`, as a draft has them. Nothing that differs: nothing is written.

    Raises NotPermitted, NotFound (booking or customer), Stale, Invalid, Duplicate, and where the booking becomes longer or
    larger NoSuchSlot, SlotClosed or SlotFull.
    """
    roles.require(by, roles.CHANGE)
    with one_change():
        booking, station, chains = locked(by, booking_id)
        require_version(booking, seen_version, by)
        before, stood, guests, length = (
            audit.recorded(booking), Standing.of(booking), booking.total_guests, booking.slots,
        )  # fmt: skip
        undo_step = steps.Recorder(booking, by)
        given = _apply(booking, changes, by=by)
        if audit.recorded(booking) == before and not given:
            return booking
        require_reference_free(booking, station)
        if booking.slots != length:
            _relength(booking, station)
        elif booking.total_guests > guests:
            require_seats(booking, station)
        return record_change(booking, Event.EDITED, before, stood, undo_step, by=by, chains=chains, given=given)


@counted("amend")
def amend(booking_id: UUID, changes: Mapping[str, Any], *, by: Person, notify: bool = False) -> Booking:
    """Bring an imported booking in line with where it came from: any of `drafts.EDITABLE`, and `date`, `slot` and `status`,
    all at once. As in `create_many`, the past and every status are allowed, and customers hear of it where `notify` says so.
    Nothing that differs: nothing is written. Who an erased customer was, no file says again.

    Raises NotPermitted, NotFound, Invalid, Duplicate, NoSuchSlot, SlotClosed or SlotFull.
    """
    roles.require(by, roles.CHANGE)
    with one_change():
        booking, station, chains = locked(by, booking_id)
        before, stood, guests = audit.recorded(booking), Standing.of(booking), booking.total_guests
        if booking.customer and booking.customer.erased_at:
            changes = {name: value for name, value in changes.items() if name not in PERSONAL}
        for name in AMENDABLE & set(changes):
            setattr(booking, name, changes[name])
        given = _apply(booking, {name: changes[name] for name in set(changes) - AMENDABLE}, by=by, strict=False)
        if audit.recorded(booking) == before and not given:
            return booking
        require_reference_free(booking, station)
        moved = (before["date"], before["slot"]) != (booking.date, booking.slot)
        restored = before["status"] == Status.CANCELLED != booking.status
        if booking.status == Status.CANCELLED:
            capacity.give_up([booking.pk])
        if moved or booking.status == Status.CANCELLED:
            booking.needs_place = False
        if moved or restored or before["slots"] != booking.slots:
            _relength(booking, station)
        elif booking.total_guests > guests:
            require_seats(booking, station)
        heard = stood if notify else None
        return record_change(booking, Event.EDITED, before, heard, None, by=by, chains=chains, given=given)


def _apply(booking: Booking, changes: Mapping[str, Any], *, by: Person, strict: bool = True) -> contacts.Changes:
    """Put changes on a booking; returns what changed of the contact that came with it."""
    if unknown := set(changes) - EDITABLE:
        raise Invalid(fields={name: [_("This cannot be changed here.")] for name in sorted(unknown)})
    if changes.get("special_requests", booking.special_requests) != booking.special_requests:
        booking.requests_are_external = is_external()
    for name in FIELDS & set(changes):
        setattr(booking, name, changes[name])
    batch_create.check(booking)
    if "customer_id" in changes or "customer" in changes:
        booking.customer = _customer_given(booking, changes, by=by, strict=strict)
        return contacts.keep(booking, changes.get("customer"))
    return {}


def _customer_given(booking: Booking, changes: Mapping[str, Any], *, by: Person, strict: bool) -> Customer | None:
    station = booking.station
    if customer_id := changes.get("customer_id"):
        customer = Customer.objects.kept().filter(station=station, pk=customer_id).first()
        if customer is None:
            raise NotFound(_("There is no such customer here."), fields={"customer_id": [_("Not found.")]})
        return customer
    contact: Contact | None = changes.get("customer")
    if contact is None or not contact.given:
        return None
    own = booking.customer
    if own:
        own.station = station
    return customers.find_or_make(station, [contact], strict=strict, by=by, own=own)[0]


def _relength(booking: Booking, station: Station) -> None:
    """Ask for the places of a booking that has become longer or shorter."""
    holding = booking.status != Status.CANCELLED and not booking.needs_place
    timetable = timetable_of(station, booking.date, booking.date)
    slots = timetable.row_of_slots(booking.date, booking.slot, booking.slots, even_closed=not holding)
    booking.starts_at, booking.ends_at = slots[0].starts_at, slots[-1].ends_at
    if not holding:
        return
    ledger = Ledger(sql.key(station.pk), [booking.date])
    ledger.release(booking.pk)
    capacity.exchange(booking, ledger.take(booking, slots))
