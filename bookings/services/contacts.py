"""Contacts that came with a booking and are not on file for its customer: kept until staff decide, and where its emails go.

Whoever gives a customer's name and one way to reach them need not be that customer. So a match never fills in the other way:
what the customer is not on file with stands at that booking as a proposal, and is shown to staff.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import Q

from accounts import customers, roles
from accounts.audit.origin import HIDDEN
from accounts.customers import Contact
from accounts.customers.normalization import email_form
from accounts.models import Customer
from bookings import audit
from bookings.audit import Change, Event
from bookings.models import Booking, ContactProposal
from stations.access import Person
from stations.models import Station

Source = ContactProposal.Source
FIELDS: Final = ("email", "phone")
Changes = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where emails about a booking go; `email` is "" where there is no address. `bounced`: a mail server knows nobody there."""

    email: str
    is_valid: bool = True
    bounced: bool = False

    @property
    def can_be_emailed(self) -> bool:
        return bool(self.email) and self.is_valid and not self.bounced


def recipient(booking: Booking) -> Recipient:
    """The address that came with the booking goes before the one on file, for whoever made the booking gave it.

    One that came by a later edit does not, as long as the one on file works: what a customer has been told so far went there.
    """
    return _recipient(booking, _of(booking))


def recipient_and_pending(booking: Booking) -> tuple[Recipient, ContactProposal | None]:
    """`recipient` and `pending`, by one query."""
    found = _of(booking)
    return _recipient(booking, found), _pending(booking, found)


def _recipient(booking: Booking, given: ContactProposal | None) -> Recipient:
    customer = booking.customer
    if customer is None:
        return Recipient("")
    on_file = Recipient(customer.email, customer.email_is_valid, customer.email_bounced)
    if given is None or not given.email_is_valid or email_form(given.email) in ("", email_form(customer.email)):
        return on_file
    if given.email_source == Source.EDITED and on_file.can_be_emailed:
        return on_file
    return Recipient(given.email, bounced=given.email_bounced)


def pending(booking: Booking) -> ContactProposal | None:
    """What is to be decided about the booking's contact: what its customer has got on file meanwhile is empty in it."""
    return _pending(booking, _of(booking))


def _pending(booking: Booking, found: ContactProposal | None) -> ContactProposal | None:
    return _undecided(found, booking.customer) if found and booking.customer else None


def pending_of(customer: Customer) -> list[ContactProposal]:
    """What is to be decided for a customer, with the bookings that it came with, the latest first."""
    found = ContactProposal.objects.filter(station=customer.station_id, customer=customer).select_related("booking")
    each = (_undecided(one, customer) for one in found.order_by("-booking__starts_at", "pk"))
    return [one for one in each if one]


def _undecided(found: ContactProposal, customer: Customer) -> ContactProposal | None:
    new = customers.difference(customer, Contact("", found.email, found.phone))
    found.email, found.phone = new.email and found.email, new.phone and found.phone
    return found if _holds_any(found) else None


def _of(booking: Booking) -> ContactProposal | None:
    return ContactProposal.objects.filter(station=booking.station_id, booking=booking.pk).first()


def of_new(booking: Booking, contact: Contact) -> ContactProposal | None:
    """What a new booking's customer is not on file with, yet to be written."""
    if booking.customer is None:
        return None
    made = ContactProposal(booking=booking, station=booking.station, customer=booking.customer)
    _take(made, contact, Source.CREATED)
    return made if _holds_any(made) else None


def keep(booking: Booking, contact: Contact | None) -> Changes:
    """After an edit that says who a booking is for: keep what is new of the contact, and forget what was given for somebody else.

    What the contact leaves out stays as it was given before. Returns what changed, as an audit entry has it. Under the station's
    lock.
    """
    before = _of(booking)
    was = _values(before)
    now = before if before and before.customer_id == booking.customer_id else None
    if booking.customer and contact:
        now = now or ContactProposal(booking=booking, station=booking.station, customer=booking.customer)
        _take(now, contact, Source.EDITED)
    return _write(before, now, was)


def bring_along(booking: Booking, left: Customer | None) -> Changes:
    """After a move to another station, whose customer may be on file with another contact than the one that was `left`: what
    was given with the booking goes with it, and so does what it was on file with before. Under both stations' locks.
    """
    before = ContactProposal.objects.filter(booking=booking.pk).first()
    was, now = _values(before), None
    if booking.customer and left:
        now = before or ContactProposal(booking=booking)
        now.station, now.customer = booking.station, booking.customer
        new = customers.difference(booking.customer, Contact(left.name, left.email, left.phone))
        if new.email and not now.email:
            now.email, now.email_source = left.email, Source.MOVED
            now.email_is_valid, now.email_bounced = left.email_is_valid, left.email_bounced
        if new.phone and not now.phone:
            now.phone, now.phone_is_valid = left.phone, left.phone_is_valid
    return _write(before, now, was)


def follow(booking: Booking) -> None:
    """After an undo or redo that gave a booking another customer: what came with it goes along to the same person at another
    station, and is forgotten for somebody else. Under the stations' locks.
    """
    found = ContactProposal.objects.filter(booking=booking.pk).exclude(customer=booking.customer_id).first()
    if found is None:
        return
    if booking.customer_id is None or found.station_id == booking.station_id:
        found.delete()
    else:
        found.station, found.customer_id = booking.station, booking.customer_id
        found.save(update_fields=["station", "customer"])


def _take(proposal: ContactProposal, contact: Contact, source: Source) -> None:
    """Put on a proposal what a contact says otherwise than it and the customer's own."""
    new, given = customers.difference(proposal.customer, contact), customers.given_fields(contact)
    if "email" in given and email_form(new.email) != email_form(proposal.email):
        proposal.email, proposal.email_source = new.email, source
        proposal.email_is_valid, proposal.email_bounced = new.email_is_valid, False
    if "phone" in given:
        proposal.phone, proposal.phone_is_valid = new.phone, new.phone_is_valid


def _write(before: ContactProposal | None, now: ContactProposal | None, was: Sequence[str]) -> Changes:
    if before and (now is None or before.pk != now.pk or not _holds_any(now)):
        ContactProposal.objects.filter(pk=before.pk).delete()
    if now and _holds_any(now):
        now.save()
    return _changes(was, _values(now))


def _holds_any(proposal: ContactProposal) -> bool:
    return any(_values(proposal))


def _values(proposal: ContactProposal | None) -> Sequence[str]:
    return [getattr(proposal, name) if proposal else "" for name in FIELDS]


def _changes(was: Sequence[str], now: Sequence[str]) -> Changes:
    pairs = zip(FIELDS, was, now, strict=True)
    return {f"given_{name}": [_hidden(old), _hidden(new)] for name, old, new in pairs if old != new}


def changes_of(proposal: ContactProposal | None) -> Changes:
    """As the entry of a new booking has them."""
    return _changes(_values(None), _values(proposal))


def _hidden(value: str) -> str | None:
    return HIDDEN if value else None


def reveal(customer: Customer, proposals: Iterable[ContactProposal | None], *, by: Person) -> None:
    """Note that somebody asked to see how a customer is reached: by what is on file, and by these proposals.

    Raises NotPermitted or NotFound.
    """
    more = dict.fromkeys(name for one in proposals for name in changes_of(one))
    customers.reveal(customer.pk, by=by, more=[*more])


def mark_bounced(booking: Booking, email: str) -> None:
    """Note that a mail server knows nobody at this address, be it the one that came with the booking or the one on file."""
    with transaction.atomic():
        Station.objects.filter(pk=booking.station_id).locked().first()
        given = _of(booking)
        if given and email_form(given.email) == email_form(email):
            ContactProposal.objects.filter(pk=given.pk).update(email_bounced=True)
            hidden = {"given_email": [HIDDEN, HIDDEN]}
            audit.record([Change(booking, Event.EDITED, hidden, booking.station_id)], by=roles.OPERATOR)
            Station.objects.bump(booking.station_id)
        elif booking.customer:
            customers.mark_bounced(booking.customer, email)


def forget_bounce(booking: Booking, *, by: Person) -> None:
    """Try the addresses again: somebody knows better than the mail server did. Under the station's lock."""
    ContactProposal.objects.filter(station=booking.station_id, booking=booking.pk).update(email_bounced=False)
    if booking.customer:
        customers.forget_bounce(booking.customer, by=by)


def forget(customer: Customer) -> None:
    """Erase what was given in a customer's name."""
    ContactProposal.objects.filter(Q(customer=customer) | Q(booking__customer=customer)).delete()
