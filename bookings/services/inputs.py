"""What a service is asked for, as values: a booking to be, and a place to stand."""

from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

from accounts.customers import Contact
from bookings.models.status import Status


@dataclass(frozen=True, slots=True)
class Place:
    """Where a booking is to stand. Without a station's code, at the station that it has."""

    date: date
    slot: time
    station: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A booking to be: shapes already parsed, rules not yet asked.

    `customer_id` is somebody known. A `customer` beside it is what was given for them now: it is kept at the booking, or, where
    staff say so by `save_contact`, saved for the customer.
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
    """When it was made in the system that it comes from; None for now."""
    save_contact: bool = False


FIELDS = frozenset(
    {
        "slots",
        "party_adults",
        "party_kids",
        "special_requests",
        "total_due_cents",
        "deposit_due_cents",
        "source",
        "external_ref",
    }
)
"""A booking's own fields that an edit may change."""

EDITABLE = FIELDS | {"customer", "customer_id"}
"""All that an edit may change; place and status have services of their own."""

AMENDABLE = frozenset({"date", "slot", "status"})
"""What an import may change beside these, for the system that the booking came from has decided it already."""

PERSONAL = frozenset({"customer", "customer_id", "special_requests"})
"""What says who a booking is for, and goes when its customer is erased."""
