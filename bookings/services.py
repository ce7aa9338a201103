"""Every change to a booking, whoever asks: page, API, admin, import. (signatures; the whole comes with the next commit)"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any
from uuid import UUID

from bookings.errors import DomainError
from bookings.models import Booking
from bookings.workflow import Status
from stations.querysets import Person


@dataclass(frozen=True, slots=True)
class Contact:
    """Who a booking is for, as they were given."""

    name: str
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A booking to be: words already parsed, rules not yet asked. `customer` and `customer_id` exclude each other."""

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


EDITABLE = frozenset(
    "slots party_adults party_kids special_requests total_due_cents deposit_due_cents source external_ref customer customer_id".split()
)


def create(draft: Draft, *, by: Person) -> Booking:
    """A new booking. Raises NotFound (station, customer), NotPermitted, Invalid, Past, NoSuchSlot, SlotClosed, SlotFull, Duplicate."""
    raise NotImplementedError


def create_many(drafts: Sequence[Draft], *, by: Person) -> list[Booking | DomainError]:
    """Imported bookings, each made or refused by itself, in one transaction. The past and every status are allowed here."""
    raise NotImplementedError


def edit(booking_id: UUID, changes: Mapping[str, Any], *, by: Person, seen_version: int | None = None) -> Booking:
    """Change any of EDITABLE. Raises NotFound, NotPermitted, Invalid, Stale, NoSuchSlot, SlotClosed, SlotFull, Duplicate."""
    raise NotImplementedError


def reschedule(
    booking_id: UUID, *, to: "Place", by: Person, seen_version: int | None = None
) -> Booking:
    """Move a booking, keeping its length. The same place again: nothing is written.

    Raises NotFound, NotPermitted, Stale, NotReschedulable, Past, NoSuchSlot, SlotClosed, SlotFull; to another station also
    Invalid (another currency) and Duplicate (its reference is taken there).
    """
    raise NotImplementedError


def change_status(booking_id: UUID, to: Status, *, by: Person, seen_version: int | None = None) -> Booking:
    """One step of `workflow.STEPS`; cancel and restore are two of them. Raises NotFound, NotPermitted, Stale, InvalidStep,
    and on a restore NoSuchSlot, SlotClosed, SlotFull."""
    raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a booking is to stand. Without a station, the one it has."""

    date: date
    slot: time
    station: str | None = None
