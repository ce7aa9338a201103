"""Who acts, and from where: what every audit entry takes from its surroundings."""

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

LOOKS: Final = (CustomerEvent.REVEALED, CustomerEvent.EXPORTED)
"""What changes nothing, and is told all the same."""


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


def acts_as(actor: Actor, channel: Channel | None = None) -> None:
    """From here on the one authenticated acts: for doors that learn who it is only inside the request."""
    now = origin()
    _origin.set(replace(now, actor=actor, channel=channel or now.channel))


def context(by: Person | None = None) -> dict[str, Any]:
    """What each entry takes from where it came; the actor is the `by` of a service, where it is a user."""
    source = origin()
    actor = by if isinstance(by, get_user_model()) else source.actor
    return {
        "actor": actor,
        "actor_email": actor.email if actor else None,
        "channel": source.channel,
        "remote_addr": source.remote_addr,
        "cid": source.request_id,
    }


def tell(entries: Sequence[Any]) -> None:
    """A line in the log for each entry, once it is committed: who did what to which thing, by their ids."""
    transaction.on_commit(partial(_tell, entries))


def _tell(entries: Sequence[Any]) -> None:
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


def station_of(instance: models.Model) -> int | None:
    """In which station's trail a change belongs; None for what belongs to no station, such as a person."""
    return instance.pk if isinstance(instance, Station) else getattr(instance, "station_id", None)
