"""The audit trail: where a change came from, and entries for what no signal sees.

Stations, timetables, people and customers are logged by auditlog as they are saved; bookings by their services, through
`bookings.audit`. Either way the entry is the project's own `AuditEntry`, written in the change's transaction, and the
context set here says who and from where.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from auditlog.registry import auditlog
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from accounts.models import User


class Channel(models.TextChoices):
    """The door a change came in by."""

    PAGE = "page", _("page")
    API = "api", _("API, signed in in the browser")
    JWT = "jwt", _("API, by token")
    ADMIN = "admin", _("admin")
    IMPORT = "import", _("import")
    COMMAND = "command", _("command")


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


def context() -> dict[str, Any]:
    """What each entry takes from where it came."""
    source = origin()
    return {
        "actor": source.actor,
        "actor_email": source.actor.email if source.actor else None,
        "channel": source.channel,
        "remote_addr": source.remote_addr,
        "cid": source.request_id,
    }


def register_models() -> None:
    """What auditlog watches. Encrypted fields are left out of its diffs; `AuditedFields` says only that they changed."""
    from accounts.models import Customer, User
    from stations.models import Opening, Station, TimetableException

    auditlog.register(Station, exclude_fields=["changes"])
    auditlog.register(Opening)
    auditlog.register(TimetableException)
    auditlog.register(User, exclude_fields=["password", "last_login"], m2m_fields={"stations", "groups"})
    auditlog.register(Customer, include_fields=["station", "phone_is_valid"])
