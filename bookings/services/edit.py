"""Changes of a booking's own fields: edits by staff and API, and updates by an import."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import customers, roles
from accounts.audit.origin import is_external
from accounts.customers import Contact
from accounts.models import Customer
from bookings import audit
from bookings.audit import Event
from bookings.models import Booking
from bookings.models.fields import EDITABLE_FIELDS
from bookings.models.mail_state import BookingSnapshot
from bookings.models.status import Places, Status
from bookings.services import batch_create, capacity, contacts
from bookings.services.capacity import Ledger
from bookings.services.common import record_change, require_reference_free, require_seats, require_version
from bookings.services.inputs import AMENDABLE, EDITABLE, PERSONAL
from bookings.services.locking import atomic_change, lock_booking, record_metrics
from bookings.services.places import follow_status, slots_to_keep, slots_to_take
from bookings.undo import steps
from core.errors import Invalid, NotFound
from stations.access import Person
from stations.models import Station
from stations.timetable_queries import load_timetable


@record_metrics("edit")
def edit(
    booking_id: UUID,
    changes: Mapping[str, Any],
    *,
    by: Person,
    seen_version: int | None = None,
    idempotent: bool = False,
) -> Booking:
    """Change any of `inputs.EDITABLE`, with values as in a `Draft`. Writes nothing if nothing differs; `idempotent` accepts an
    older version then.

    Raises NotPermitted, NotFound (booking or customer), Stale, Invalid, Duplicate, and if the booking becomes longer or
    larger NoSuchSlot, SlotClosed or SlotFull.
    """
    roles.require(by, roles.CHANGE)
    with atomic_change():
        booking, station, chains = lock_booking(by, booking_id)
        require_version(booking, seen_version, by, is_done=idempotent and _is_applied(booking, changes))
        before, previous, guests, length = (
            audit.recorded(booking), BookingSnapshot.of(booking), booking.total_guests, booking.slots,
        )  # fmt: skip
        undo_step = steps.Recorder(booking, by)
        contact_changes = _apply(booking, changes, by=by)
        if audit.recorded(booking) == before and not contact_changes:
            return booking
        require_reference_free(booking, station)
        if booking.slots != length:
            _change_slots(booking, station)
        elif booking.total_guests > guests:
            require_seats(booking, station)
        return record_change(
            booking, Event.EDITED, before, previous, undo_step, by=by, chains=chains, contact_changes=contact_changes
        )


@record_metrics("amend")
def amend(booking_id: UUID, changes: Mapping[str, Any], *, by: Person, notify: bool = False) -> Booking:
    """Update an imported booking from its source: any of `inputs.EDITABLE` and `inputs.AMENDABLE`, all at once.

    As in `create_many`, the past and every status are allowed, and customers are emailed only if `notify` is set. Writes nothing
    if nothing differs. Personal data of an erased customer is ignored.

    Raises NotPermitted, NotFound, Invalid, Duplicate, NoSuchSlot, SlotClosed or SlotFull.
    """
    roles.require(by, roles.CHANGE)
    with atomic_change():
        booking, station, chains = lock_booking(by, booking_id)
        before, previous, guests = audit.recorded(booking), BookingSnapshot.of(booking), booking.total_guests
        was_unassigned = booking.needs_place
        if booking.customer and booking.customer.erased_at:
            changes = {name: value for name, value in changes.items() if name not in PERSONAL}
        for name in AMENDABLE & set(changes):
            setattr(booking, name, changes[name])
        contact_changes = _apply(
            booking, {name: changes[name] for name in set(changes) - AMENDABLE}, by=by, strict=False
        )
        if audit.recorded(booking) == before and not contact_changes:
            return booking
        require_reference_free(booking, station)
        moved = (before["date"], before["slot"]) != (booking.date, booking.slot)
        places_before = Places.NONE if was_unassigned else Status(before["status"]).facts.places
        if moved or not Status(booking.status).facts.can_be_unassigned:
            booking.needs_place = False
        if moved or before["slots"] != booking.slots:
            _change_slots(booking, station, moved=moved)
        elif booking.places is not places_before:
            follow_status(booking, station, now=timezone.now())
        elif booking.total_guests > guests:
            require_seats(booking, station)
        notified = previous if notify else None
        return record_change(
            booking, Event.EDITED, before, notified, None, by=by, chains=chains, contact_changes=contact_changes
        )


def _is_applied(booking: Booking, changes: Mapping[str, Any]) -> bool:
    """Whether the booking has these values already. Changes of its customer are not compared."""
    return all(name in EDITABLE_FIELDS and getattr(booking, name) == value for name, value in changes.items())


def _apply(booking: Booking, changes: Mapping[str, Any], *, by: Person, strict: bool = True) -> contacts.Changes:
    """Set the fields of a booking. Returns the changes of the contact that came with it."""
    if unknown := set(changes) - EDITABLE:
        raise Invalid(fields={name: [_("This cannot be changed here.")] for name in sorted(unknown)})
    if changes.get("special_requests", booking.special_requests) != booking.special_requests:
        booking.requests_are_external = is_external()
    for name in set(EDITABLE_FIELDS) & set(changes):
        setattr(booking, name, changes[name])
    batch_create.validate(booking)
    if "customer_id" in changes or "customer" in changes:
        booking.customer = _requested_customer(booking, changes, by=by, strict=strict)
        return contacts.update(booking, changes.get("customer"))
    return {}


def _requested_customer(booking: Booking, changes: Mapping[str, Any], *, by: Person, strict: bool) -> Customer | None:
    station = booking.station
    if customer_id := changes.get("customer_id"):
        customer = Customer.objects.kept().filter(station=station, pk=customer_id).first()
        if customer is None:
            raise NotFound(_("Unknown customer."), fields={"customer_id": [_("Not found.")]})
        return customer
    contact: Contact | None = changes.get("customer")
    if contact is None or not contact.given:
        return None
    own = booking.customer
    if own:
        own.station = station
    return customers.find_or_create(station, [contact], strict=strict, by=by, own=own)[0]


def _change_slots(booking: Booking, station: Station, *, moved: bool = False) -> None:
    """Take the places of a booking again, after its number of slots or, if it has `moved`, also its start has changed."""
    now, timetable = timezone.now(), load_timetable(station, booking.date, booking.date)
    allow_closed = booking.places is not Places.ALL
    slots = timetable.consecutive_slots(booking.date, booking.slot, booking.slots, allow_closed=allow_closed)
    booking.starts_at, booking.ends_at = slots[0].starts_at, slots[-1].ends_at
    held = {*booking.holds.values_list("slot", flat=True)}
    wanted = slots_to_take(booking, slots, now=now) if moved else slots_to_keep(booking, slots, held, now=now)
    ledger = Ledger(station.pk, [booking.date])
    ledger.release(booking.pk)
    capacity.replace(booking, ledger.take(booking, wanted))
