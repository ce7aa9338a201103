"""The origin of changes: who acts, and from where. Every audit entry records it."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Protocol

from django.contrib.auth import get_user_model
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from stations.access import Person
from stations.models import Station

log = logging.getLogger(__name__)

REDACTED: Final = "•••"
"""Replaces encrypted values: an entry says that they changed, never what they are."""


class CustomerEvent(models.TextChoices):
    """What happens to a customer's data."""

    CREATED = "created", _("Customer added")
    EDITED = "edited", _("Customer edited")
    REVEALED = "revealed", _("Contact shown")
    EXPORTED = "exported", _("Data exported")
    ERASED = "erased", _("Erased")


class Channel(models.TextChoices):
    """The interface that a change was made through."""

    PAGE = "page", _("page")
    API = "api", _("API, signed in in the browser")
    JWT = "jwt", _("API, by token")
    ADMIN = "admin", _("admin")
    KEY = "key", _("API, by key")
    IMPORT = "import", _("import")
    COMMAND = "command", _("command")
    FEED = "feed", _("calendar feed")


EXTERNAL: Final = (Channel.API, Channel.JWT, Channel.KEY, Channel.IMPORT)
"""Channels whose texts were written in another system, not by staff."""

_ACTION_NAMES: Final = ("created", "changed", "deleted", "looked at")
"""The names of auditlog's action numbers."""

READ_EVENTS: Final = (CustomerEvent.REVEALED, CustomerEvent.EXPORTED)
"""Events that are recorded although they change nothing."""


class Actor(Person, Protocol):
    """A user, as the audit log names them."""

    email: str


@dataclass(frozen=True)
class Origin:
    """Who acts, and from where. `actor` is None for the operator at the command line."""

    channel: Channel = Channel.COMMAND
    actor: Actor | None = None
    remote_addr: str | None = None
    request_id: str | None = None


_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)


def current_origin() -> Origin:
    return _origin.get() or Origin()


def is_external() -> bool:
    """Whether the current change comes from another system rather than from staff."""
    return current_origin().channel in EXTERNAL


@contextmanager
def override_origin(source: Origin) -> Iterator[None]:
    """Record changes inside the block as coming from `source`."""
    token = _origin.set(source)
    try:
        yield
    finally:
        _origin.reset(token)


def set_actor(actor: Actor, channel: Channel | None = None) -> None:
    """Record changes from here on as made by `actor`, once a request has been authenticated."""
    now = current_origin()
    _origin.set(replace(now, actor=actor, channel=channel or now.channel))


def entry_fields(by: Person | None = None) -> dict[str, Any]:
    """The origin as fields of an audit entry. The actor is `by` if that is a user, otherwise the one of the origin."""
    source = current_origin()
    actor = by if isinstance(by, get_user_model()) else source.actor
    return {
        "actor": actor,
        "actor_email": actor.email if actor else None,
        "channel": source.channel,
        "remote_addr": source.remote_addr,
        "cid": source.request_id,
    }


def log_on_commit(entries: Sequence[Any]) -> None:
    """Write a log line for each entry after the commit: who did what to which object, by ID."""
    transaction.on_commit(partial(_log, entries))


def _log(entries: Sequence[Any]) -> None:
    for entry in entries:
        fields = {
            "user": entry.actor_id,
            "action": entry.event or _ACTION_NAMES[entry.action],
            "object": f"{entry.content_type.app_label}.{entry.content_type.model}",
            "id": entry.object_pk,
            "station": entry.station_id,
            "channel": str(entry.channel),
        }
        if entry.cid:
            fields["request"] = entry.cid
        # Changes by commands, such as the demo's thousand bookings, would bury those of people.
        log.log(logging.INFO if entry.actor_id else logging.DEBUG, "action", extra={"fields": fields})


def station_of(instance: models.Model) -> int | None:
    """The key of the station whose audit log an object belongs to; None for objects of no station, such as users."""
    return instance.pk if isinstance(instance, Station) else getattr(instance, "station_id", None)
