"""Creates one booking or hundreds at a station, by the same rules and with a fixed number of statements.

Only `bookings.services.create` calls it, under the station's lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import customers
from accounts.audit.origin import is_external
from accounts.customers import Contact
from accounts.models import Customer
from bookings import audit
from bookings.audit import Change, Event
from bookings.errors import Duplicate, Past, SlotClosed, TooEarly
from bookings.models import Booking, ContactProposal, Hold
from bookings.models.fields import EDITABLE_FIELDS
from bookings.models.status import Places, Status
from bookings.services import capacity, contacts
from bookings.services.capacity import Ledger
from bookings.services.inputs import Draft
from bookings.services.places import slots_to_take
from core.db import sql
from core.errors import DomainError, Invalid, NotFound
from stations.access import Person
from stations.models import Station
from stations.timetable import Slot
from stations.timetable_queries import submit_timetable

NOT_VALIDATED = [field.name for field in Booking._meta.fields if field.name not in EDITABLE_FIELDS]
"""Fields that the services fill in themselves."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What differs between a new booking and an imported one."""

    not_before: datetime | None
    """A slot that has ended by then is past, and one that begins later has not begun; None if everything is allowed."""
    strict: bool
    """Whether an invalid phone number or email is refused, or kept as written."""


def create_batch(station: Station, drafts: Sequence[Draft], rules: Rules, *, by: Person) -> list[Booking | DomainError]:
    """Create a booking from each draft. Returns for each, in order, the booking or its error."""
    batch = _Batch(station, drafts, by)
    results: list[Booking | DomainError] = []
    for draft in drafts:
        try:
            results.append(batch.place(draft, rules))
        except DomainError as refusal:
            results.append(refusal)
    batch.write(rules)
    return results


class _Batch:
    """The drafts of one station. Reads what they refer to once, and writes all of them at once."""

    def __init__(self, station: Station, drafts: Sequence[Draft], by: Person) -> None:
        self.station, self.by, self._now = station, by, timezone.now()
        days, at = {draft.date for draft in drafts}, station.pk
        with sql.pipeline():
            timetable, self._ledger = submit_timetable(at, min(days), max(days)), Ledger(at, days)
        self._timetable = timetable(station)
        self._references = _references(station, drafts)
        self._customers = _known_customers(station, drafts)
        self._placed: list[tuple[Booking, Draft]] = []
        self._holds: list[Hold] = []

    def place(self, draft: Draft, rules: Rules) -> Booking:
        """Build the booking and take its places in the ledger. Raises the domain error that forbids it."""
        booking = self._build(draft)
        _require_not_in_future(draft.created_at)
        if draft.customer and draft.customer.given:
            customers.check(self.station, draft.customer, strict=rules.strict)
        if draft.external_ref in self._references:
            raise Duplicate(data=self._references[draft.external_ref])
        slots = self._slots(draft, rules)
        if rules.not_before and Status(draft.status).facts.is_present and slots[0].starts_at > rules.not_before:
            raise TooEarly(_("Guests can be booked as arrived only in a slot that has begun."))
        booking.starts_at, booking.ends_at = slots[0].starts_at, slots[-1].ends_at
        self._holds += self._ledger.take(booking, slots_to_take(booking, slots, now=self._now))
        if draft.external_ref:
            self._references[draft.external_ref] = booking.pk
        self._placed.append((booking, draft))
        return booking

    def _build(self, draft: Draft) -> Booking:
        booking = Booking(
            station=self.station,
            date=draft.date,
            slot=draft.slot,
            status=draft.status,
            customer=self._customer(draft),
        )
        for name in EDITABLE_FIELDS:
            setattr(booking, name, getattr(draft, name))
        booking.requests_are_external = bool(draft.special_requests) and is_external()
        validate(booking)
        return booking

    def _customer(self, draft: Draft) -> Customer | None:
        if draft.customer_id is None:
            return None
        if draft.customer_id not in self._customers:
            raise NotFound(_("Unknown customer."), fields={"customer_id": [_("Not found.")]})
        return self._customers[draft.customer_id]

    def _slots(self, draft: Draft, rules: Rules) -> list[Slot]:
        first = self._timetable.find(draft.date, draft.slot)
        if first and rules.not_before and first.ends_at <= rules.not_before:
            raise Past(_("This slot has ended. Choose another one."))
        if not self.station.is_active and rules.not_before:
            raise SlotClosed(_("This station takes no new bookings."))
        allow_closed = Status(draft.status).facts.places is not Places.ALL
        return self._timetable.consecutive_slots(draft.date, draft.slot, draft.slots, allow_closed=allow_closed)

    def write(self, rules: Rules) -> None:
        """Write everything that was placed: customers, then bookings, holds and audit entries."""
        if not self._placed:
            return
        self._find_customers(rules)
        self._save_contacts()
        bookings, proposals = [booking for booking, _draft in self._placed], self._contact_proposals()
        now = timezone.now()
        for index, (booking, draft) in enumerate(self._placed):
            # A microsecond apart, so that a batch is listed in the order in which it came.
            booking.updated_at = now + timedelta(microseconds=index)
            booking.created_at = draft.created_at or booking.updated_at
        with sql.pipeline():
            sql.insert(bookings)
            sql.insert([*proposals.values()])
            capacity.insert(self._holds)
            audit.record((self._created(booking, proposals.get(booking.pk)) for booking in bookings), by=self.by)
            Station.objects.bump(self.station.pk)

    def _find_customers(self, rules: Rules) -> None:
        unknown = [(booking, contact) for booking, contact in self._contacts() if booking.customer is None]
        unmatched = [contact for _booking, contact in unknown]
        found = customers.find_or_create(self.station, unmatched, strict=rules.strict, by=self.by)
        for (booking, _contact), customer in zip(unknown, found, strict=True):
            booking.customer = customer

    def _save_contacts(self) -> None:
        """Save contacts for their customers where staff have asked for it."""
        for booking, draft in self._placed:
            if draft.save_contact and draft.customer and booking.customer:
                new = customers.difference(booking.customer, draft.customer)
                changes = {name: getattr(new, name) for name in ("email", "phone") if getattr(new, name)}
                booking.customer = customers.edit(booking.customer.pk, changes, by=self.by)

    def _contacts(self) -> list[tuple[Booking, Contact]]:
        """The bookings that came with a contact, each with its contact."""
        return [(booking, draft.customer) for booking, draft in self._placed if draft.customer and draft.customer.given]

    def _contact_proposals(self) -> dict[UUID, ContactProposal]:
        """Unsaved proposals by booking key."""
        found = (contacts.build_proposal(booking, contact) for booking, contact in self._contacts())
        return {one.booking_id: one for one in found if one}

    def _created(self, booking: Booking, proposal: ContactProposal | None) -> Change:
        changes = audit.differences({}, audit.recorded(booking)) | contacts.changes_of(proposal)
        return Change(booking, Event.CREATED, changes, self.station.pk)


def validate(booking: Booking) -> None:
    """Validate the editable fields of a booking, each and together. Raises Invalid."""
    try:
        booking.clean_fields(exclude=NOT_VALIDATED)
    except ValidationError as error:
        raise Invalid(fields=error.message_dict) from error
    if booking.deposit_due_cents > booking.total_due_cents:
        raise Invalid(fields={"deposit_due_cents": [_("The deposit cannot be more than the total.")]})
    if booking.total_guests < 1:
        raise Invalid(fields={"party_adults": [_("A party has at least one guest.")]})


def _require_not_in_future(created_at: datetime | None) -> None:
    if created_at and created_at > timezone.now():
        raise Invalid(fields={"created_at": [_("This is in the future.")]})


def _references(station: Station, drafts: Sequence[Draft]) -> dict[str, UUID]:
    """Those external references of the drafts that the station has already, with the bookings' keys."""
    wanted = {draft.external_ref for draft in drafts} - {""}
    if not wanted:
        return {}
    return dict(Booking.objects.filter(station=station, external_ref__in=wanted).values_list("external_ref", "pk"))


def _known_customers(station: Station, drafts: Sequence[Draft]) -> dict[UUID, Customer]:
    wanted = {draft.customer_id for draft in drafts if draft.customer_id}
    found = list(Customer.objects.kept().filter(station=station, pk__in=wanted)) if wanted else []
    for customer in found:
        customer.station = station
    return {customer.pk: customer for customer in found}
