"""Erases the personal data of a customer at one station, and again after a backup has brought it back."""

# The row of an erased customer stays without any data, so that bookings keep their times, party, money and status. Its
# ID says nothing about the person: a list of the IDs of erased customers can be kept apart from the backups, and be
# replayed after a restore.

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

PERMISSIONS: Final = (roles.MANAGE, roles.PII)
"""Needed to erase a customer or to export their data."""


def erase(customer_id: UUID, *, by: Person) -> Customer:
    """Erase a customer. Nothing is written if they have been erased already.

    Raises NotPermitted, NotFound, or StillAhead if the customer has an upcoming booking.
    """
    require_permissions(by)
    with transaction.atomic():
        customer = customers.locked(customer_id, by=by)
        if not customer.erased_at:
            if has_upcoming_booking(customer, timezone.now()):
                raise StillAhead
            erase_locked(customer, at=timezone.now(), by=by)
    return customer


def has_upcoming_booking(customer: Customer, now: datetime) -> bool:
    """Whether the customer has a pending or confirmed booking that has not ended."""
    return Booking.objects.filter(customer=customer, status__in=RESCHEDULABLE, ends_at__gt=now).exists()


def erase_locked(customer: Customer, *, at: datetime, by: Person) -> None:
    """Erase a customer and the personal data in their bookings, emails and imported rows, under the station's lock."""
    _erase_emails(customer)
    _erase_special_requests(customer, by=by)
    _erase_imported_rows(customer)
    steps.delete_steps_of(customer)
    contacts.erase(customer)
    customers.erase(customer, at=at, by=by)
    Station.objects.bump(customer.station_id)


def _erase_emails(customer: Customer) -> None:
    """Withdraw unsent emails, and delete the text of sent ones, even if the booking has another customer by now."""
    for mail in Mail.objects.filter(booking__customer=customer, state__in=(*OPEN, *UNDELIVERED)).locked():
        mail.end(State.WITHDRAWN, Problem.ERASED)
    for mail in emails_to(customer).locked():
        CountedMail.objects.filter(mail=mail.pk).delete()
        Mail.objects.filter(pk=mail.pk).update(message=None)


def emails_to(customer: Customer) -> "MailQuerySet[Mail]":
    """The emails to a customer whose text is still stored."""
    return Mail.objects.filter(message__isnull=False, said__customer=str(customer.pk))


def _erase_special_requests(customer: Customer, *, by: Person) -> None:
    # Every booking gets a new version, so that nobody saves what is still on their screen, and calendars are updated.
    theirs = Booking.objects.filter(customer=customer)
    hidden = {"special_requests": [REDACTED, REDACTED]}
    changes = [
        Change(booking, Event.ERASED, hidden if booking.has_requests else {}, customer.station_id)
        for booking in theirs.annotate(has_requests=Q(special_requests__isnull=False))
        .defer("special_requests")
        .in_order()
    ]
    theirs.update(special_requests=None, version=F("version") + 1, updated_at=timezone.now())
    audit.record(changes, by=by)


def _erase_imported_rows(customer: Customer) -> None:
    # The rows themselves stay known, so that importing the same file again adds nothing.
    for row in ImportedRow.objects.filter(booking__customer=customer):
        ImportedRow.objects.filter(pk=row.pk).update(content=identity.erase_personal(row.content))


def require_permissions(by: Person) -> None:
    """Raises NotPermitted if `by` may not erase customers or export their data."""
    for permission in PERMISSIONS:
        roles.require(by, permission)


@dataclass(frozen=True, slots=True)
class ErasureRecord:
    """The fact that a customer was erased, without personal data. `station` is a code, for people who read the list."""

    station: str
    customer: UUID
    erased_at: datetime

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Parse a line of `to_line`. Raises ValueError for any other."""
        try:
            values = json.loads(line)
            at = parse_datetime(values["erased_at"])
            if at is None or at.tzinfo is None:
                raise ValueError
            return cls(str(values["station"]), UUID(values["customer"]), at)
        except (TypeError, KeyError, AttributeError):
            raise ValueError from None

    def to_line(self) -> str:
        """One line of JSON, so that lists can be concatenated."""
        values = {"station": self.station, "customer": str(self.customer), "erased_at": self.erased_at.isoformat()}
        return json.dumps(values) + "\n"


def erasure_records() -> list[ErasureRecord]:
    """All erasures so far, oldest first; keep them apart from the backups."""
    erased = Customer.objects.exclude(erased_at=None).order_by("erased_at", "pk")
    values = erased.values_list("station__code", "pk", "erased_at")
    return [ErasureRecord(code, pk, at) for code, pk, at in values if at]


class ReplayResult(StrEnum):
    """What happened to an erasure record when it was replayed."""

    ERASED = "erased again"
    ALREADY_ERASED = "erased already"
    UNKNOWN = "not in this database"


def replay(records: Iterable[ErasureRecord]) -> Counter[ReplayResult]:
    """Erase customers again whom an older backup has brought back, even those with upcoming bookings; count the results.

    Call it before anybody works with the restored database. Each erasure is a transaction, so it can be interrupted and repeated.
    """
    return Counter(_replay_one(record) for record in records)


@transaction.atomic
def _replay_one(record: ErasureRecord) -> ReplayResult:
    try:
        customer = customers.locked(record.customer, by=roles.OPERATOR)
    except NotFound:
        return ReplayResult.UNKNOWN
    if customer.erased_at:
        return ReplayResult.ALREADY_ERASED
    erase_locked(customer, at=record.erased_at, by=roles.OPERATOR)
    return ReplayResult.ERASED
