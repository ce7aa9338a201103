"""Every change to a booking, whoever asks: page, API, admin, import.

Each function asks the permission, locks the station, re-reads, checks the rules in the contract's order, writes booking,
holds and audit entry in one transaction, and returns the booking as it now is; or it raises a `DomainError` and has
changed nothing.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import customers, roles
from accounts.audit.chain import Chains
from accounts.audit.recording import is_external
from accounts.customers import Contact
from accounts.models import Customer
from bookings import audit, contacts, creating, holds, workflow
from bookings.audit import Change, Event
from bookings.creating import Rules
from bookings.drafts import AMENDABLE, EDITABLE, FIELDS, PERSONAL, Draft, Place
from bookings.holds import Ledger
from bookings.mails import outbox
from bookings.mails.standing import Standing
from bookings.models import Booking
from bookings.placing import free_row, require_reschedulable
from bookings.status_steps import require_step
from bookings.transactions import counted, lock_stations, locked, locked_for, one_change
from bookings.undo import steps
from bookings.workflow import Status
from bookings.writes import (
    move_entries,
    put,
    require_acceptable,
    require_reference_free,
    require_seats,
    require_version,
    write,
)
from core.db import sql
from core.errors import DomainError, Invalid, NotFound
from stations.access import Person
from stations.models import Station
from stations.timetable_queries import ask_for_timetable, timetable_of

PLACED: Final = ("station", "customer", "date", "slot", "starts_at", "ends_at", "needs_place")
"""What a booking's place is made of."""

_ORGANIZER: Final = ("organizer_name", "organizer_email")
_ALL: Final = [
    field.name
    for field in Booking._meta.concrete_fields
    if field.name not in ("id", "version", "updated_at", *_ORGANIZER)
]

__all__ = ["Contact", "Draft", "Place", "amend", "change_status", "create", "create_many", "edit", "reschedule"]


@counted("create")
def create(draft: Draft, *, by: Person) -> Booking:
    """A new booking, pending or confirmed.

    Raises NotPermitted, NotFound (station or customer), Invalid, Duplicate, Past (the slot has ended), NoSuchSlot,
    SlotClosed or SlotFull.
    """
    roles.require(by, roles.CHANGE)
    with one_change():
        [station] = lock_stations(by, codes=[draft.station])
        if draft.status not in workflow.NEW:
            raise Invalid(fields={"status": [_("A new booking is pending or confirmed.")]})
        [made] = creating.make(station, [draft], Rules(not_before=timezone.now(), strict=True), by=by)
        if isinstance(made, DomainError):
            raise made
        outbox.changed(made, None)
        steps.record_created(made, by=by)
        return made


@counted("import")
def create_many(drafts: Sequence[Draft], *, by: Person, notify: bool = False) -> list[Booking | DomainError]:
    """Bookings brought in from elsewhere, in their order: each is made, or refused by itself, in one transaction.

    The past and every status are allowed here, and a telephone number that is none is kept as written. Customers hear of it
    where `notify` says so.
    """
    roles.require(by, roles.CHANGE)
    places: dict[str, list[int]] = defaultdict(list)
    for index, draft in enumerate(drafts):
        places[draft.station].append(index)
    results: dict[int, Booking | DomainError] = {}
    with one_change():
        known = Station.objects.visible_to(by).filter(code__in=places).values_list("code", flat=True)
        for station in lock_stations(by, codes=known):
            indexes = places[station.code]
            made = creating.make(station, [drafts[i] for i in indexes], Rules(not_before=None, strict=False), by=by)
            results |= dict(zip(indexes, made, strict=True))
            if notify:
                outbox.made(booking for booking in made if isinstance(booking, Booking))
    return [results.get(index) or NotFound(_("There is no such station.")) for index in range(len(drafts))]


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
            holds.exchange(booking, taken, held=held)
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


@counted("status")
def change_status(booking_id: UUID, to: Status, *, by: Person, seen_version: int | None = None) -> Booking:
    """One step of `workflow.STEPS`; cancelling gives the places up, restoring asks for them again. The status that the booking
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
            holds.give_up([booking.pk])
            booking.needs_place = False
        if restored:
            slots = timetable_of(station, booking.date, booking.date).row_of_slots(
                booking.date, booking.slot, booking.slots
            )
            taken = Ledger(sql.key(station.pk), [booking.date]).take(booking, slots)
            put(booking, slots)
            holds.write(taken)
        return _changed(booking, Event.STATUS, before, stood, undo_step, by=by, chains=chains)


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
        return _changed(booking, Event.EDITED, before, stood, undo_step, by=by, chains=chains, given=given)


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
            holds.give_up([booking.pk])
        if moved or booking.status == Status.CANCELLED:
            booking.needs_place = False
        if moved or restored or before["slots"] != booking.slots:
            _relength(booking, station)
        elif booking.total_guests > guests:
            require_seats(booking, station)
        heard = stood if notify else None
        return _changed(booking, Event.EDITED, before, heard, None, by=by, chains=chains, given=given)


def _customer_at(station: Station, left: Customer | None, home: Station, *, by: Person) -> Customer | None:
    if left is None or left.erased_at:
        return None
    left.station = home
    return customers.customer_at(station, left, by=by)


def _apply(booking: Booking, changes: Mapping[str, Any], *, by: Person, strict: bool = True) -> contacts.Changes:
    """Put changes on a booking; returns what changed of the contact that came with it."""
    if unknown := set(changes) - EDITABLE:
        raise Invalid(fields={name: [_("This cannot be changed here.")] for name in sorted(unknown)})
    if changes.get("special_requests", booking.special_requests) != booking.special_requests:
        booking.requests_are_external = is_external()
    for name in FIELDS & set(changes):
        setattr(booking, name, changes[name])
    creating.check(booking)
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
    holds.exchange(booking, ledger.take(booking, slots))


def _changed(
    booking: Booking,
    event: Event,
    before: Mapping[str, Any],
    stood: Standing | None,
    undo_step: steps.Recorder | None,
    *,
    by: Person,
    chains: Chains,
    given: contacts.Changes | None = None,
) -> Booking:
    """Write a booking that stays at its station. `stood` is None where nobody is to be told, `undo_step` where the change cannot
    be undone, `given` what changed of the contact that came with it."""
    changes = audit.differences(before, audit.recorded(booking)) | (given or {})
    fields = _ALL
    if before["customer"] != booking.customer_id:  # whose calendar knows nothing yet
        booking.organizer_name = booking.organizer_email = ""
        fields = [*_ALL, *_ORGANIZER]
    with sql.together(to_the_commit=True):
        entry = Change(booking, event, changes, booking.station_id)
        known = write(booking, fields, [entry], stood, by=by, chains=chains)
        if undo_step:
            undo_step.record(event, known)
    return booking
