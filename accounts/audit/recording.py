"""Entries of the audit log for what no signal sees.

Stations, timetables and people are logged by auditlog as they are saved; customers and bookings by their services, here and
in `bookings.audit`. Either way the entry is the project's own `AuditEntry`, written in the transaction of the change, and
`accounts.audit.origin` says who acted and from where.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from auditlog.registry import auditlog
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts.audit.origin import HIDDEN, LOOKS, CustomerEvent, context
from accounts.models import ApiKey, AuditEntry, Customer, Session, User
from stations.access import Person
from stations.models import Opening, Station, TimetableException

GIVEN: Final = {
    "given_email": _("email given with the booking"),
    "given_phone": _("phone given with the booking"),
}
"""What an entry calls a contact that is not on file for its customer (`bookings.services.contacts`)."""

MOVED_FROM: Final = "moved_from"
"""In `changes`: the code of the station that a customer came from with a booking. It is for those who see that station."""


def record_customers(
    changed: Iterable[tuple[Customer, Sequence[str]]],
    *,
    event: CustomerEvent,
    by: Person | None = None,
    moved_from: str = "",
) -> None:
    """One entry for each customer, naming the fields that were given, changed or shown, and never what they hold.

    `moved_from` is the code of the station that they came from with a booking.
    """

    kind, source = ContentType.objects.get_for_model(Customer), context(by)
    created = event == CustomerEvent.CREATED
    origin = {MOVED_FROM: [moved_from, None]} if moved_from else {}
    actions = {CustomerEvent.CREATED: AuditEntry.Action.CREATE, **dict.fromkeys(LOOKS, AuditEntry.Action.ACCESS)}
    AuditEntry.objects.bulk_create(
        AuditEntry(
            content_type=kind,
            object_pk=str(customer.pk),
            object_repr=str(customer),
            action=actions.get(event, AuditEntry.Action.UPDATE),
            changes={**{name: [None if created else HIDDEN, HIDDEN] for name in fields}, **origin},
            station_id=customer.station_id,
            event=event,
            **source,
        )
        for customer, fields in changed
    )


def sentence(event: str, changes: Mapping[str, Any]) -> str:
    """What an entry about a customer says, for a person: “Contact shown: email, phone”."""

    label = CustomerEvent(event).label if event in CustomerEvent.values else event
    fields = ", ".join(field_label(Customer, name) for name in changes if name != MOVED_FROM)
    return f"{label}: {fields}" if fields else str(label)


def field_label(model: type[models.Model] | None, name: str) -> str:
    """What people call a field of a model that an entry names; the name itself where the model has no such field."""
    try:
        field = model._meta.get_field(name) if model else None
    except FieldDoesNotExist:
        field = None
    return str(GIVEN.get(name) or getattr(field, "verbose_name", None) or name)


def record_hidden(user: User, name: str, *, event: str) -> None:
    """Record a change to how a person signs in, such as a new password, without its value."""

    changes = {name: [HIDDEN, HIDDEN]}
    AuditEntry.objects.log_create(user, action=AuditEntry.Action.UPDATE, changes=changes, event=event)


def record_session_end(user: User, session: Session) -> None:
    """That somebody signed another browser of theirs out."""

    with translation.override(None):
        changes = {"session": [str(session), None]}
    AuditEntry.objects.log_create(user, action=AuditEntry.Action.UPDATE, changes=changes, event="session_ended")


def register_models() -> None:
    """What auditlog watches as it is saved. Not customers: its diffs would hold their plain text."""

    auditlog.register(Station, exclude_fields=["changes", "version", "timetable_version"])
    auditlog.register(Opening)
    auditlog.register(TimetableException)
    auditlog.register(ApiKey, exclude_fields=["digest", "epoch", "last_used_at", "ended_at"], m2m_fields={"stations"})
    auditlog.register(
        User, exclude_fields=["password", "last_login", "epoch", "second_factor_at"], m2m_fields={"stations", "groups"}
    )
