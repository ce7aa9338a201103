"""Finding or creating a customer of one station at another station."""

from typing import Final

from django.utils import timezone

from accounts.audit import recorder
from accounts.audit.origin import CustomerEvent
from accounts.customers.known_customers import KnownCustomers
from accounts.customers.normalization import normalize_email
from accounts.customers.services import write_new
from accounts.models import Customer
from stations.access import Person
from stations.models import Station

COPIED_FIELDS: Final = (
    "name", "email", "email_is_valid", "email_bounced", "phone", "phone_is_valid", "language", "notes",
)  # fmt: skip
"""Fields that are copied when a customer is created at another station. A test lists those that are not."""


def find_or_create_at(station: Station, customer: Customer, *, by: Person) -> Customer:
    """The same person at another station, under both stations' locks.

    A customer who is created there gets a copy of all fields in COPIED_FIELDS. One who is known there keeps what is on file: only
    an empty language and empty notes are filled in (notes are never combined, because they may be meant for one station only),
    and an identical email is marked as rejected as well. Emails and phones are not filled in, see `bookings.services.contacts`.
    """
    copy = Customer(station=station, **{name: getattr(customer, name) for name in COPIED_FIELDS})
    found = KnownCustomers(station, [copy]).match(copy)
    if found is None:
        write_new([copy], station, by=by, moved_from=customer.station.code)
        return copy
    _fill_in(found, copy, by=by, moved_from=customer.station.code)
    return found


def _fill_in(found: Customer, copy: Customer, *, by: Person, moved_from: str) -> None:
    changed = [name for name in ("language", "notes") if getattr(copy, name) and not getattr(found, name)]
    if copy.email_bounced and not found.email_bounced and normalize_email(copy.email) == normalize_email(found.email):
        changed.append("email_bounced")
    if changed:
        for name in changed:
            setattr(found, name, getattr(copy, name))
        found.version, found.updated_at = found.version + 1, timezone.now()
        found.save(update_fields=[*changed, "version", "updated_at"])
        recorder.record_customers([(found, changed)], event=CustomerEvent.EDITED, by=by, moved_from=moved_from)
