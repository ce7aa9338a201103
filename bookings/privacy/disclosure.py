"""Everything that the product holds of one customer at one station, for whoever asks for it in their name."""

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


def disclose(customer_id: UUID, *, by: Person) -> dict[str, Any]:
    """Contact and notes, bookings with their wishes, contacts that came with them, mails with their text, and what the audit log
    says of all of it, as JSON's encoder takes it. That it was asked for is in the audit log as well. Who of the staff did what is
    left out: that is about them.

    Raises NotPermitted or NotFound.
    """
    erasure.require(by)
    with transaction.atomic():
        customer = customers.locked(customer_id, by=by)
        bookings = list(Booking.objects.filter(customer=customer).in_order())
        told = {
            "exported_at": timezone.now(),
            "station": {
                name: getattr(customer.station, name) for name in ("code", "name", "email", "phone", "address")
            },
            "customer": _who(customer),
            "bookings": [
                {"booking_id": one.pk, **{name: getattr(one, name) for name in BOOKING_FIELDS}} for one in bookings
            ],
            "given_with_bookings": list(_given(customer)),
            "mails": list(_mails(customer, by)),
            "history": list(_history(customer, bookings, by)),
            "replaced_requests": list(_replaced_requests(customer)),
        }
        recorder.record_customers([(customer, ())], event=CustomerEvent.EXPORTED, by=by)
    return told


def _who(customer: Customer) -> dict[str, Any]:
    names = (*EDITABLE, "email_is_valid", "email_bounced", "phone_is_valid", "created_at", "updated_at")
    return {"customer_id": customer.pk, **{name: getattr(customer, name) for name in names}}


def _given(customer: Customer) -> Iterator[dict[str, Any]]:
    """Emails and phones that came with bookings and are not on file for the customer, in the order of the bookings."""
    for one in ContactProposal.objects.filter(customer=customer).order_by("booking__starts_at", "pk"):
        yield {name: getattr(one, name) for name in ("booking_id", "email", "phone", "created_at")}


def _mails(customer: Customer, person: Person) -> Iterator[dict[str, Any]]:
    """What they were told, and what waits to be told, oldest first. The text is kept for a month; one that names a station which
    the person does not see is for somebody who sees both.
    """
    theirs = Q(said__customer=str(customer.pk)) | Q(booking__customer=customer, said__isnull=True)
    for mail in (
        Mail.objects.filter(theirs).select_related("booking__station", "booking__customer").order_by("created_at")
    ):
        words = display.content_of(mail, mail.booking, person)
        yield {
            "booking_id": mail.booking_id,
            "about": mail.kind,
            "state": mail.state,
            "created_at": mail.created_at,
            "ended_at": mail.ended_at,
            "subject": words.subject,
            "text": words.text,
        }


def _replaced_requests(customer: Customer) -> Iterator[dict[str, Any]]:
    """Special requests of theirs that an edit replaced or took away, kept for as long as staff can undo it."""
    for step in UndoStep.objects.about(customer).order_by("id"):
        pair = zip((step.customer_before, step.customer_after), step.values.get("special_requests", ()), strict=False)
        for owner, text in pair:
            if owner == customer.pk and text:
                yield {"booking_id": step.booking_id, "changed_at": step.created_at, "special_requests": text}


def _history(customer: Customer, bookings: list[Booking], person: Person) -> Iterator[dict[str, Any]]:
    """What happened to them and to their bookings at this station, oldest first."""
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
