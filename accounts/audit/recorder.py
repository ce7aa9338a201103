"""Audit entries for customers and sign-in data, whose values must not be recorded, and the models that auditlog records itself.

Entries of bookings are in `bookings.audit`. All entries are `AuditEntry` objects, written in the transaction of the change, with
the origin from `accounts.audit.origin`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from auditlog.registry import auditlog
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts.audit.origin import READ_EVENTS, REDACTED, CustomerEvent, entry_fields
from accounts.models import ApiKey, AuditEntry, Customer, Session, User
from stations.access import Person
from stations.models import Opening, Station, TimetableException

GIVEN_CONTACT_LABELS: Final = {
    "given_email": _("email given with the booking"),
    "given_phone": _("phone given with the booking"),
}
"""Labels of contact details that a booking has, and its customer record has not (`bookings.services.contacts`)."""

MOVED_FROM: Final = "moved_from"
"""The key in `changes` for the code of the station that a customer came from; only for users who see that station."""

FOUND_BY: Final = "found_by"
"""The key in `changes` for the field by which a search had found a customer whose contact was then shown."""
_FOUND_BY_LABELS: Final = {
    "name": _("found by name"),
    "email": _("found by email"),
    "phone": _("found by phone"),
    "reference": _("found by reference"),
}


def record_customers(
    changed: Iterable[tuple[Customer, Sequence[str]]],
    *,
    event: CustomerEvent,
    by: Person | None = None,
    moved_from: str = "",
    found_by: str = "",
) -> None:
    """Write one entry for each customer, with the names of the fields that were given, changed or shown, but no values.

    `moved_from` is the code of the station that they came from with a booking, `found_by` the field by which a search found them.
    """
    kind, source = ContentType.objects.get_for_model(Customer), entry_fields(by)
    created = event == CustomerEvent.CREATED
    origin: dict[str, Any] = {MOVED_FROM: [moved_from, None]} if moved_from else {}
    origin |= {FOUND_BY: [None, found_by]} if found_by else {}
    actions = {CustomerEvent.CREATED: AuditEntry.Action.CREATE, **dict.fromkeys(READ_EVENTS, AuditEntry.Action.ACCESS)}
    AuditEntry.objects.bulk_create(
        AuditEntry(
            content_type=kind,
            object_pk=str(customer.pk),
            object_repr=str(customer),
            action=actions.get(event, AuditEntry.Action.UPDATE),
            changes={**{name: [None if created else REDACTED, REDACTED] for name in fields}, **origin},
            station_id=customer.station_id,
            event=event,
            **source,
        )
        for customer, fields in changed
    )


def describe_customer_entry(event: str, changes: Mapping[str, Any]) -> str:
    """A description of an entry about a customer, such as “Contact shown (found by phone): email, phone”."""
    label = str(CustomerEvent(event).label) if event in CustomerEvent.values else event
    if FOUND_BY in changes:
        label = f"{label} ({found_by_label(changes[FOUND_BY][1])})"
    fields = ", ".join(field_label(Customer, name) for name in changes if name not in (MOVED_FROM, FOUND_BY))
    return f"{label}: {fields}" if fields else label


def found_by_label(field: str) -> str:
    return str(_FOUND_BY_LABELS.get(field, field))


def field_label(model: type[models.Model] | None, name: str) -> str:
    """The label of a field in an entry; its name if the model no longer has the field."""
    try:
        field = model._meta.get_field(name) if model else None
    except FieldDoesNotExist:
        field = None
    return str(GIVEN_CONTACT_LABELS.get(name) or getattr(field, "verbose_name", None) or name)


def record_redacted(user: User, name: str, *, event: str) -> None:
    """Record a change to how a person signs in, such as a new password, without its value."""
    changes = {name: [REDACTED, REDACTED]}
    AuditEntry.objects.log_create(user, action=AuditEntry.Action.UPDATE, changes=changes, event=event)


def record_session_end(user: User, session: Session) -> None:
    """Record that a user ended one of their sessions."""
    with translation.override(None):
        changes = {"session": [str(session), None]}
    AuditEntry.objects.log_create(user, action=AuditEntry.Action.UPDATE, changes=changes, event="session_ended")


def register_models() -> None:
    """Register the models that auditlog records on save. Not customers: its diffs would contain their data in plain text."""
    auditlog.register(Station, exclude_fields=["changes", "version", "timetable_version"])
    auditlog.register(Opening)
    auditlog.register(TimetableException)
    auditlog.register(ApiKey, exclude_fields=["digest", "epoch", "last_used_at", "ended_at"], m2m_fields={"stations"})
    auditlog.register(
        User, exclude_fields=["password", "last_login", "epoch", "second_factor_at"], m2m_fields={"stations", "groups"}
    )
