"""The audit trail: where a change came from, and entries for what no signal sees.

Stations, timetables and people are logged by auditlog as they are saved; customers and bookings by their
services, here and in `bookings.audit`. Either way the entry is the project's own `AuditEntry`, written in the
change's transaction, and the context set here says who and from where.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from auditlog.registry import auditlog
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.db import models, transaction
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from stations.access import Person

if TYPE_CHECKING:
    from accounts.auth.session_model import Session
    from accounts.models import AuditEntry, Customer, User

log = logging.getLogger(__name__)

HIDDEN: Final = "•••"
"""Stands for an encrypted value: an entry says that it changed, never what it holds."""


class CustomerEvent(models.TextChoices):
    """What happens to a customer's data."""

    CREATED = "created", _("Customer added")
    EDITED = "edited", _("Customer edited")
    REVEALED = "revealed", _("Contact shown")
    EXPORTED = "exported", _("Data exported")
    ERASED = "erased", _("Erased")


class Channel(models.TextChoices):
    """The door a change came in by."""

    PAGE = "page", _("page")
    API = "api", _("API, signed in in the browser")
    JWT = "jwt", _("API, by token")
    ADMIN = "admin", _("admin")
    KEY = "key", _("API, by key")
    IMPORT = "import", _("import")
    COMMAND = "command", _("command")
    FEED = "feed", _("calendar feed")


EXTERNAL: Final = (Channel.API, Channel.JWT, Channel.KEY, Channel.IMPORT)
"""Where what comes in was written by another system, or by whoever uses that."""

_ACTIONS: Final = ("created", "changed", "deleted", "looked at")
"""What auditlog's numbers mean."""

GIVEN: Final = {
    "given_email": _("email given with the booking"),
    "given_phone": _("phone given with the booking"),
}
"""What an entry calls a contact that is not on file for its customer (`bookings.services.contacts`)."""

MOVED_FROM: Final = "moved_from"
"""In `changes`: the code of the station that a customer came from with a booking. It is for those who see that station."""

LOOKS: Final = (CustomerEvent.REVEALED, CustomerEvent.EXPORTED)
"""What changes nothing, and is told all the same."""


@dataclass(frozen=True)
class Origin:
    """Who acts, and from where. `actor` is None for the operator at the command line."""

    channel: Channel = Channel.COMMAND
    actor: "User | None" = None
    remote_addr: str | None = None
    request_id: str | None = None


_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)


def origin() -> Origin:
    return _origin.get() or Origin()


def is_external() -> bool:
    """Whether what is written now comes from another system, not from somebody who works here."""
    return origin().channel in EXTERNAL


@contextmanager
def acting(source: Origin) -> Iterator[None]:
    """Everything written inside is recorded as coming from `source`."""
    token = _origin.set(source)
    try:
        yield
    finally:
        _origin.reset(token)


def acts_as(actor: "User", channel: Channel | None = None) -> None:
    """From here on the one authenticated acts: for doors that learn who it is only inside the request."""
    now = origin()
    _origin.set(replace(now, actor=actor, channel=channel or now.channel))


def context(by: Person | None = None) -> dict[str, Any]:
    """What each entry takes from where it came; the actor is the `by` of a service, where it is a user."""
    from accounts.models import User

    source = origin()
    actor = by if isinstance(by, User) else source.actor
    return {
        "actor": actor,
        "actor_email": actor.email if actor else None,
        "channel": source.channel,
        "remote_addr": source.remote_addr,
        "cid": source.request_id,
    }


def record_customers(
    changed: "Iterable[tuple[Customer, Sequence[str]]]",
    *,
    event: CustomerEvent,
    by: Person | None = None,
    moved_from: str = "",
) -> None:
    """One entry for each customer, naming the fields that were given, changed or shown, and never what they hold.

    `moved_from` is the code of the station that they came from with a booking.
    """
    from accounts.models import AuditEntry, Customer

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


def tell(entries: "Sequence[AuditEntry]") -> None:
    """A line in the log for each entry, once it is committed: who did what to which thing, by their ids."""
    transaction.on_commit(partial(_tell, entries))


def _tell(entries: "Sequence[AuditEntry]") -> None:
    for entry in entries:
        told = {
            "user": entry.actor_id,
            "action": entry.event or _ACTIONS[entry.action],
            "object": f"{entry.content_type.app_label}.{entry.content_type.model}",
            "id": entry.object_pk,
            "station": entry.station_id,
            "channel": str(entry.channel),
        }
        if entry.cid:
            told["request"] = entry.cid
        # What nobody of the staff did, such as a demo's thousand bookings, would drown what they do.
        log.log(logging.INFO if entry.actor_id else logging.DEBUG, "action", extra={"fields": told})


def sentence(event: str, changes: Mapping[str, Any]) -> str:
    """What an entry about a customer says, for a person: “Contact shown: e-mail, phone”."""
    from accounts.models import Customer

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


def record_hidden(user: "User", name: str, *, event: str) -> None:
    """That something of a person's door changed: a password, a second factor. It is no field that auditlog may look at."""
    from accounts.models import AuditEntry

    changes = {name: [HIDDEN, HIDDEN]}
    AuditEntry.objects.log_create(user, action=AuditEntry.Action.UPDATE, changes=changes, event=event)


def record_session_end(user: "User", session: "Session") -> None:
    """That somebody signed another browser of theirs out."""
    from accounts.models import AuditEntry

    with translation.override(None):
        changes = {"session": [str(session), None]}
    AuditEntry.objects.log_create(user, action=AuditEntry.Action.UPDATE, changes=changes, event="session_ended")


def station_of(instance: models.Model) -> int | None:
    """In which station's trail a change belongs; None for what belongs to no station, such as a person."""
    from stations.models import Station

    return instance.pk if isinstance(instance, Station) else getattr(instance, "station_id", None)


def register_models() -> None:
    """What auditlog watches as it is saved. Not customers: its diffs would hold their plain text."""
    from accounts.models import ApiKey, User
    from stations.models import Opening, Station, TimetableException

    auditlog.register(Station, exclude_fields=["changes", "version", "timetable_version"])
    auditlog.register(Opening)
    auditlog.register(TimetableException)
    auditlog.register(ApiKey, exclude_fields=["digest", "epoch", "last_used_at", "ended_at"], m2m_fields={"stations"})
    auditlog.register(
        User, exclude_fields=["password", "last_login", "epoch", "second_factor_at"], m2m_fields={"stations", "groups"}
    )
