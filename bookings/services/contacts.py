"""Contacts that came with a booking and are not on file for its customer, and the address that emails about the booking go to.

Somebody who gives a customer's name and their email or phone may still be another person. So a match never adds what is missing
to the customer: it is kept with the booking as a proposal, and shown to staff.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import Q

from accounts import customers, roles
from accounts.audit.origin import REDACTED
from accounts.customers import Contact
from accounts.customers.normalization import normalize_email
from accounts.models import Customer
from bookings import audit
from bookings.audit import Change, Event
from bookings.models import Booking, ContactProposal
from stations.access import Person
from stations.models import Station

Source = ContactProposal.Source
FIELDS: Final = ("email", "phone")
Changes = dict[str, list[Any]]
"""`{field: [old, new]}`, as in an audit entry."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where emails about a booking go; `email` is "" for no address. `bounced` says that a mail server knows no such mailbox."""

    email: str
    is_valid: bool = True
    bounced: bool = False

    @property
    def can_be_emailed(self) -> bool:
        return bool(self.email) and self.is_valid and not self.bounced


def recipient(booking: Booking) -> Recipient:
    """The address that came with the booking if there is one, otherwise the customer's own.

    One that was added by a later edit is used only if the customer's own does not work: earlier emails went to that one.
    """
    return _recipient(booking, find_proposal(booking))


def recipient_and_pending(booking: Booking) -> tuple[Recipient, ContactProposal | None]:
    """`recipient` and `pending` in one query."""
    found = find_proposal(booking)
    return _recipient(booking, found), _pending(booking, found)


def _recipient(booking: Booking, given: ContactProposal | None) -> Recipient:
    customer = booking.customer
    if customer is None:
        return Recipient("")
    on_file = Recipient(customer.email, customer.email_is_valid, customer.email_bounced)
    if (
        given is None
        or not given.email_is_valid
        or normalize_email(given.email) in ("", normalize_email(customer.email))
    ):
        return on_file
    if given.email_source == Source.EDITED and on_file.can_be_emailed:
        return on_file
    return Recipient(given.email, bounced=given.email_bounced)


def pending(booking: Booking) -> ContactProposal | None:
    """The proposal that staff have to decide about; what the customer has on file by now is empty in it."""
    return _pending(booking, find_proposal(booking))


def _pending(booking: Booking, found: ContactProposal | None) -> ContactProposal | None:
    return _undecided(found, booking.customer) if found and booking.customer else None


def pending_of(customer: Customer) -> list[ContactProposal]:
    """The proposals of a customer that staff have to decide about, with their bookings, the latest booking first."""
    found = ContactProposal.objects.filter(station=customer.station_id, customer=customer).select_related("booking")
    each = (_undecided(one, customer) for one in found.order_by("-booking__starts_at", "pk"))
    return [one for one in each if one]


def _undecided(found: ContactProposal, customer: Customer) -> ContactProposal | None:
    new = customers.difference(customer, Contact("", found.email, found.phone))
    found.email, found.phone = new.email and found.email, new.phone and found.phone
    return found if _holds_any(found) else None


def find_proposal(booking: Booking) -> ContactProposal | None:
    return ContactProposal.objects.filter(station=booking.station_id, booking=booking.pk).first()


def build_proposal(booking: Booking, contact: Contact) -> ContactProposal | None:
    """An unsaved proposal with what the customer of a new booking is not on file with; None if there is nothing."""
    if booking.customer is None:
        return None
    made = ContactProposal(booking=booking, station=booking.station, customer=booking.customer)
    _merge(made, contact, Source.CREATED)
    return made if _holds_any(made) else None


def update(booking: Booking, contact: Contact | None) -> Changes:
    """Update the proposal after an edit of the booking's customer: keep what is new, delete what was given for another customer.

    What the contact leaves out stays as it was. Needs the station's lock.
    """
    before = find_proposal(booking)
    was = values(before)
    now = before if before and before.customer_id == booking.customer_id else None
    if booking.customer and contact:
        now = now or ContactProposal(booking=booking, station=booking.station, customer=booking.customer)
        _merge(now, contact, Source.EDITED)
    return save(before, now, was)


def carry_over(booking: Booking, previous: Customer | None) -> Changes:
    """Take the proposal along on a move to another station, and add what the `previous` customer had on file and the new one has
    not. Needs the locks of both stations.
    """
    before = ContactProposal.objects.filter(booking=booking.pk).first()
    was, now = values(before), None
    if booking.customer and previous:
        now = before or ContactProposal(booking=booking)
        now.station, now.customer = booking.station, booking.customer
        new = customers.difference(booking.customer, Contact(previous.name, previous.email, previous.phone))
        if new.email and not now.email:
            now.email, now.email_source = previous.email, Source.MOVED
            now.email_is_valid, now.email_bounced = previous.email_is_valid, previous.email_bounced
        if new.phone and not now.phone:
            now.phone, now.phone_is_valid = previous.phone, previous.phone_is_valid
    return save(before, now, was)


def reassign(booking: Booking) -> None:
    """Adapt the proposal to an undo or redo that gave the booking another customer. Needs the stations' locks.

    It is kept for the same person at another station, and deleted for somebody else.
    """
    found = ContactProposal.objects.filter(booking=booking.pk).exclude(customer=booking.customer_id).first()
    if found is None:
        return
    if booking.customer_id is None or found.station_id == booking.station_id:
        found.delete()
    else:
        found.station, found.customer_id = booking.station, booking.customer_id
        found.save(update_fields=["station", "customer"])


def _merge(proposal: ContactProposal, contact: Contact, source: Source) -> None:
    """Set on a proposal what differs in a contact from it and from the customer's own."""
    new, given = customers.difference(proposal.customer, contact), customers.given_fields(contact)
    if "email" in given and normalize_email(new.email) != normalize_email(proposal.email):
        proposal.email, proposal.email_source = new.email, source
        proposal.email_is_valid, proposal.email_bounced = new.email_is_valid, False
    if "phone" in given:
        proposal.phone, proposal.phone_is_valid = new.phone, new.phone_is_valid


def save(before: ContactProposal | None, now: ContactProposal | None, was: Sequence[str]) -> Changes:
    """Save or delete a proposal. Returns its changes from the values that it `was` read with."""
    if before and (now is None or before.pk != now.pk or not _holds_any(now)):
        ContactProposal.objects.filter(pk=before.pk).delete()
    if now and _holds_any(now):
        now.save()
    return _changes(was, values(now))


def _holds_any(proposal: ContactProposal) -> bool:
    return any(values(proposal))


def values(proposal: ContactProposal | None) -> Sequence[str]:
    return [getattr(proposal, name) if proposal else "" for name in FIELDS]


def _changes(was: Sequence[str], now: Sequence[str]) -> Changes:
    pairs = zip(FIELDS, was, now, strict=True)
    return {f"given_{name}": [_hidden(old), _hidden(new)] for name, old, new in pairs if old != new}


def changes_of(proposal: ContactProposal | None) -> Changes:
    """The changes that the audit entry of a new booking records."""
    return _changes(values(None), values(proposal))


def _hidden(value: str) -> str | None:
    return REDACTED if value else None


def reveal(customer: Customer, proposals: Iterable[ContactProposal | None], *, by: Person, found_by: str = "") -> None:
    """Record that `by` looked at a customer's contact: the one on file, and these proposals. `found_by` is the field by which
    a search found the customer.

    Raises NotPermitted or NotFound.
    """
    more = dict.fromkeys(name for one in proposals for name in changes_of(one))
    customers.reveal(customer.pk, by=by, more=[*more], found_by=found_by)


def mark_bounced(booking: Booking, email: str) -> None:
    """Mark this address as bounced, on the booking's proposal or on its customer."""
    with transaction.atomic():
        Station.objects.filter(pk=booking.station_id).locked().first()
        given = find_proposal(booking)
        if given and normalize_email(given.email) == normalize_email(email):
            ContactProposal.objects.filter(pk=given.pk).update(email_bounced=True)
            hidden = {"given_email": [REDACTED, REDACTED]}
            audit.record([Change(booking, Event.EDITED, hidden, booking.station_id)], by=roles.OPERATOR)
            Station.objects.bump(booking.station_id)
        elif booking.customer:
            customers.mark_bounced(booking.customer, email)


def forget_bounce(booking: Booking, *, by: Person) -> None:
    """Allow emails to the booking's addresses again. Needs the station's lock."""
    ContactProposal.objects.filter(station=booking.station_id, booking=booking.pk).update(email_bounced=False)
    if booking.customer:
        customers.forget_bounce(booking.customer, by=by)


def erase(customer: Customer) -> None:
    """Delete all proposals for a customer."""
    ContactProposal.objects.filter(Q(customer=customer) | Q(booking__customer=customer)).delete()
