"""The values that services take: a place, and the draft of a booking."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final
from uuid import UUID

from accounts.customers import Contact
from bookings.models.fields import EDITABLE_FIELDS, PERSONAL_FIELDS
from bookings.models.status import Status


@dataclass(frozen=True, slots=True)
class Place:
    """Where a booking is to be. `station` is a code; None for the booking's own station."""

    date: date
    slot: time
    station: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A booking to be created: parsed, but not yet checked.

    `customer_id` names an existing customer. A `customer` beside it is the contact that was given for them now: it is kept with
    the booking or, with `save_contact`, saved for the customer.
    """

    station: str
    date: date
    slot: time
    party_adults: int = 1
    party_kids: int = 0
    slots: int = 1
    status: Status = Status.PENDING
    special_requests: str | None = None
    total_due_cents: int = 0
    deposit_due_cents: int = 0
    source: str = ""
    external_ref: str = ""
    customer: Contact | None = None
    customer_id: UUID | None = None
    created_at: datetime | None = None
    """When it was created in the system that it comes from; None for now."""
    save_contact: bool = False


EDITABLE: Final = frozenset(EDITABLE_FIELDS) | {"customer", "customer_id"}
"""Everything that an edit may change; place and status have services of their own."""

AMENDABLE: Final = frozenset({"date", "slot", "status"})
"""What an import may change besides: the booking's source system has decided it already."""

PERSONAL: Final = PERSONAL_FIELDS | {"customer", "customer_id"}
"""Personal data, which is deleted when the customer is erased."""
