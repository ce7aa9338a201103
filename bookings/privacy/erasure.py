"""What is known of one customer at one station, erased.

An erased customer is a row without anything in it, on which bookings hang as numbers: times, party, money, status. The row is
also the tombstone: its id says nothing to anybody, so that a list of them can be kept where no backup reaches, to erase again
what a backup brings back.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts import customers, roles
from accounts.audit.origin import REDACTED
from accounts.models import Customer
from bookings import audit
from bookings.audit import Change, Event
from bookings.errors import StillAhead
from bookings.importing import identity
from bookings.models import Booking, CountedMail, ImportedRow, Mail
from bookings.models.mail_state import OPEN, UNDELIVERED, Problem, State
from bookings.models.querysets import MailQuerySet
from bookings.models.status import RESCHEDULABLE
from bookings.services import contacts
from bookings.undo import steps
from core.errors import NotFound
from stations.access import Person
from stations.models import Station

RIGHTS: Final = (roles.MANAGE, roles.PII)
"""Who may have a customer erased, or exported: whoever manages their station and may see their data."""


def erase(customer_id: UUID, *, by: Person) -> Customer:
    """Forget who a customer was. Already erased: nothing is written.

    Raises NotPermitted, NotFound, or StillAhead for somebody who is still expected.
    """
    require(by)
    with transaction.atomic():
        customer = customers.locked(customer_id, by=by)
        if not customer.erased_at:
            if expected(customer, timezone.now()):
                raise StillAhead
            forget(customer, at=timezone.now(), by=by)
    return customer


def expected(customer: Customer, now: datetime) -> bool:
    """Whether the customer has a booking ahead, pending or confirmed."""
    return Booking.objects.filter(customer=customer, status__in=RESCHEDULABLE, ends_at__gt=now).exists()


def forget(customer: Customer, *, at: datetime, by: Person) -> None:
    """Erase the customer, and what their bookings, mails and imports say of them. Under the station's lock."""
    _forget_letters(customer)
    _forget_wishes(customer, by=by)
    _forget_imported(customer)
    steps.delete_steps_of(customer)
    contacts.erase(customer)
    customers.erase(customer, at=at, by=by)
    Station.objects.bump(customer.station_id)


def _forget_letters(customer: Customer) -> None:
    """What is still to be said is not; what was said is forgotten, whosever the booking is by now."""
    for mail in Mail.objects.filter(booking__customer=customer, state__in=(*OPEN, *UNDELIVERED)).locked():
        mail.end(State.WITHDRAWN, Problem.ERASED)
    for mail in letters_to(customer).locked():
        CountedMail.objects.filter(mail=mail.pk).delete()
        Mail.objects.filter(pk=mail.pk).update(message=None)


def letters_to(customer: Customer) -> "MailQuerySet[Mail]":
    """The mails to a customer whose text is kept."""
    return Mail.objects.filter(message__isnull=False, said__customer=str(customer.pk))


def _forget_wishes(customer: Customer, *, by: Person) -> None:
    """Every booking gets a new version, so that nobody saves what they still have on the screen, and calendars read it again."""
    theirs = Booking.objects.filter(customer=customer)
    hidden = {"special_requests": [REDACTED, REDACTED]}
    changes = [
        Change(booking, Event.ERASED, hidden if booking.wishes else {}, customer.station_id)
        for booking in theirs.annotate(wishes=Q(special_requests__isnull=False)).defer("special_requests").in_order()
    ]
    theirs.update(special_requests=None, version=F("version") + 1, updated_at=timezone.now())
    audit.record(changes, by=by)


def _forget_imported(customer: Customer) -> None:
    """That a row was imported stays known, so that the same file adds nothing; what it said of the customer does not."""
    for row in ImportedRow.objects.filter(booking__customer=customer):
        ImportedRow.objects.filter(pk=row.pk).update(content=identity.erased(row.content))


def require(by: Person) -> None:
    """Raises NotPermitted for whoever may not ask in a customer's name."""
    for right in RIGHTS:
        roles.require(by, right)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """That a customer was erased, and nothing of who it was. `station` is a code, for whoever reads the list."""

    station: str
    customer: UUID
    erased_at: datetime

    @classmethod
    def read(cls, line: str) -> Self:
        """Raises ValueError for a line that `line` did not write."""
        try:
            told = json.loads(line)
            at = parse_datetime(told["erased_at"])
            if at is None or at.tzinfo is None:
                raise ValueError
            return cls(str(told["station"]), UUID(told["customer"]), at)
        except (TypeError, KeyError, AttributeError):
            raise ValueError from None

    def line(self) -> str:
        """One erasure a line, so that lists can be put together."""
        told = {"station": self.station, "customer": str(self.customer), "erased_at": self.erased_at.isoformat()}
        return json.dumps(told) + "\n"


def tombstones() -> list[Tombstone]:
    """Every erasure so far, oldest first: to be kept where no restored backup reaches it."""
    erased = Customer.objects.exclude(erased_at=None).order_by("erased_at", "pk")
    values = erased.values_list("station__code", "pk", "erased_at")
    return [Tombstone(code, pk, at) for code, pk, at in values if at]


class Again(StrEnum):
    """What became of a tombstone."""

    ERASED = "erased again"
    ALREADY = "erased already"
    UNKNOWN = "not in this database"


def erase_again(stones: Iterable[Tombstone]) -> Counter[Again]:
    """Erase whom an older backup has brought back, bookings ahead or not; how many of each there were.

    To be called before anybody works with what was restored. Each is a transaction of its own: called again, it goes on.
    """
    return Counter(_again(stone) for stone in stones)


@transaction.atomic
def _again(stone: Tombstone) -> Again:
    try:
        customer = customers.locked(stone.customer, by=roles.OPERATOR)
    except NotFound:
        return Again.UNKNOWN
    if customer.erased_at:
        return Again.ALREADY
    forget(customer, at=stone.erased_at, by=roles.OPERATOR)
    return Again.ERASED
