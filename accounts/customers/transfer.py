"""A customer of one station at another: found there or made there, with what is known of them."""

from typing import Final

from django.utils import timezone

from accounts.audit import recorder
from accounts.audit.origin import CustomerEvent
from accounts.customers.known_customers import KnownCustomers
from accounts.customers.normalization import email_form
from accounts.customers.services import write_new
from accounts.models import Customer
from stations.access import Person
from stations.models import Station

COPIED: Final = (
    "name", "email", "email_is_valid", "email_bounced", "phone", "phone_is_valid", "language", "notes",
)  # fmt: skip
"""What whoever is made at another station has from the one that they come from."""
OWN: Final = ("id", "station", "version", "created_at", "updated_at", "erased_at")
"""What each station knows for itself. Every field of a customer is one of these or those: a test says so."""


def customer_at(station: Station, customer: Customer, *, by: Person) -> Customer:
    """The same person at another station, under both stations' locks.

    Made there, they are all that they are here: the phone as it was written if it is no number, the mark of an address that does
    not work, language and notes. Somebody who is known there keeps what is on file. Two things are taken over where they have
    none: the language, and the notes, which are never put together, for they may be meant for the one station alone. An address
    that is the same is as broken there as here. Emails and phones are not filled in: see `bookings.services.contacts`.
    """
    copy = Customer(station=station, **{name: getattr(customer, name) for name in COPIED})
    found = KnownCustomers(station, [copy]).match(copy)
    if found is None:
        write_new([copy], station, by=by, moved_from=customer.station.code)
        return copy
    _take_over(found, copy, by=by, moved_from=customer.station.code)
    return found


def _take_over(found: Customer, copy: Customer, *, by: Person, moved_from: str) -> None:
    changed = [name for name in ("language", "notes") if getattr(copy, name) and not getattr(found, name)]
    if copy.email_bounced and not found.email_bounced and email_form(copy.email) == email_form(found.email):
        changed.append("email_bounced")
    if changed:
        for name in changed:
            setattr(found, name, getattr(copy, name))
        found.version, found.updated_at = found.version + 1, timezone.now()
        found.save(update_fields=[*changed, "version", "updated_at"])
        recorder.record_customers([(found, changed)], event=CustomerEvent.EDITED, by=by, moved_from=moved_from)
