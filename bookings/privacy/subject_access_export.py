"""Exports all personal data of a customer at one station, for subject access requests."""

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import customers
from accounts.audit import recorder
from accounts.audit.origin import CustomerEvent
from accounts.customers import EDITABLE
from accounts.models import AuditEntry, Customer
from bookings import audit
from bookings.mails import display
from bookings.models import Booking, ContactProposal, Mail, UndoStep
from bookings.models.fields import Use, used_in
from bookings.privacy import erasure
from stations.access import Person
from stations.models import Station

BOOKING_FIELDS: Final = used_in(Use.DISCLOSURE)


def export_customer(customer_id: UUID, *, by: Person) -> dict[str, Any]:
    """Collect a customer's data as values for Django's JSON encoder, and record the export in the audit log.

    That is contact details and notes, bookings with special requests, contacts that came with bookings, emails with their
    text, and the history of all of these, without the names of staff. Raises NotPermitted or NotFound.
    """
    erasure.require_permissions(by)
    with transaction.atomic():
        customer = customers.locked(customer_id, by=by)
        bookings = list(Booking.objects.filter(customer=customer).in_order())
        export = {
            "exported_at": timezone.now(),
            "station": {
                name: getattr(customer.station, name) for name in ("code", "name", "email", "phone", "address")
            },
            "customer": _contact(customer),
            "bookings": [
                {"booking_id": one.pk, **{name: getattr(one, name) for name in BOOKING_FIELDS}} for one in bookings
            ],
            "given_with_bookings": list(_proposals(customer)),
            "mails": list(_emails(customer, by)),
            "history": list(_history(customer, bookings, by)),
            "replaced_requests": list(_replaced_requests(customer)),
        }
        recorder.record_customers([(customer, ())], event=CustomerEvent.EXPORTED, by=by)
    return export


def _contact(customer: Customer) -> dict[str, Any]:
    names = (*EDITABLE, "email_is_valid", "email_bounced", "phone_is_valid", "created_at", "updated_at")
    return {"customer_id": customer.pk, **{name: getattr(customer, name) for name in names}}


def _proposals(customer: Customer) -> Iterator[dict[str, Any]]:
    """Emails and phones that came with bookings and are not on file for the customer, in the order of the bookings."""
    for one in ContactProposal.objects.filter(customer=customer).order_by("booking__starts_at", "pk"):
        yield {name: getattr(one, name) for name in ("booking_id", "email", "phone", "created_at")}


def _emails(customer: Customer, person: Person) -> Iterator[dict[str, Any]]:
    """Sent and waiting emails, oldest first; without the text if it has expired or names a station that `person` cannot see."""
    theirs = Q(said__customer=str(customer.pk)) | Q(booking__customer=customer, said__isnull=True)
    for mail in (
        Mail.objects.filter(theirs).select_related("booking__station", "booking__customer").order_by("created_at")
    ):
        content = display.content_of(mail, mail.booking, person)
        yield {
            "booking_id": mail.booking_id,
            "about": mail.kind,
            "state": mail.state,
            "created_at": mail.created_at,
            "ended_at": mail.ended_at,
            "subject": content.subject,
            "text": content.text,
        }


def _replaced_requests(customer: Customer) -> Iterator[dict[str, Any]]:
    """Special requests that an edit replaced or removed, for as long as staff can undo it."""
    for step in UndoStep.objects.about(customer).order_by("id"):
        sides = zip((step.customer_before, step.customer_after), step.values.get("special_requests", ()), strict=False)
        for owner, text in sides:
            if owner == customer.pk and text:
                yield {"booking_id": step.booking_id, "changed_at": step.created_at, "special_requests": text}


def _history(customer: Customer, bookings: list[Booking], person: Person) -> Iterator[dict[str, Any]]:
    """Audit entries about the customer and their bookings at this station, oldest first."""
    station: Station = customer.station
    seen = Station.objects.visible_codes(person)
    keys = [str(customer.pk), *(str(booking.pk) for booking in bookings)]
    for entry in AuditEntry.objects.filter(station=station, object_pk__in=keys).order_by("id"):
        changes, about_customer = entry.changes or {}, entry.object_pk == keys[0]
        yield {
            "when": entry.timestamp,
            "booking_id": None if about_customer else entry.object_pk,
            "event": entry.event,
            "what": recorder.describe_customer_entry(entry.event, changes)
            if about_customer
            else audit.entry_sentence(entry, station.country, seen),
            "from": entry.channel,
        }
