"""Reads of personal data in bulk, in the audit log: exports, calendar feeds with details, and lists by API.

An entry at each station that was read says who read how much, of which days and with which personal fields; never what they held.
An export is recorded each time, before its first line. Calls of the API are counted by each process, for they are many and must
not wait: the first of a caller at a station is recorded at once, then the count when it has grown tenfold, or after an hour. So a
process that is killed loses a count at most, and not that somebody read.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from threading import Lock
from time import monotonic
from typing import Any, Final

from django.contrib.contenttypes.models import ContentType
from django.db import Error, models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.audit import origin
from accounts.models import AuditEntry
from stations.access import Person
from stations.models import Station

log = logging.getLogger(__name__)

CONTACT: Final = ("name", "email", "phone")
PERSONAL: Final = (*CONTACT, "special_requests")
STAFF: Final = ("actor_email", "remote_addr")
"""Personal fields of a customer, of a booking, and of the audit log."""
SECONDS_BETWEEN: Final = 3600
GROWN: Final = 10
"""How many times as much is read until the next entry, unless that is little."""
LITTLE: Final = 100


class ReadEvent(models.TextChoices):
    """What was read in bulk."""

    BOOKINGS_EXPORTED = "bookings_exported", gettext_lazy("Bookings exported")
    LOG_EXPORTED = "log_exported", gettext_lazy("Audit log exported")
    FEED_READ = "feed_read", gettext_lazy("Calendar feed read")
    BOOKINGS_READ = "bookings_read", gettext_lazy("Bookings read by API")
    CUSTOMERS_READ = "customers_read", gettext_lazy("Customers read by API")


LABELS: Final = {
    "name": gettext_lazy("name"),
    "email": gettext_lazy("email"),
    "phone": gettext_lazy("phone"),
    "special_requests": gettext_lazy("special requests"),
    "actor_email": gettext_lazy("email of staff"),
    "remote_addr": gettext_lazy("network address"),
}


@dataclass(frozen=True, slots=True)
class Read:
    """So many rows of a station that somebody read, in one call or several. Dates are None where the rows have none."""

    event: ReadEvent
    station_id: int | None
    fields: Sequence[str]
    count: int
    first: date | None = None
    last: date | None = None
    calls: int = 1
    context: Mapping[str, Any] = field(default_factory=origin.context)
    """Who and from where, as `recording.context` says it."""

    def and_then(self, later: "Read") -> "Read":
        """Both together, as of the later one."""
        days = [day for day in (self.first, self.last, later.first, later.last) if day]
        return replace(
            later,
            count=self.count + later.count,
            calls=self.calls + later.calls,
            first=min(days, default=None),
            last=max(days, default=None),
        )


def record(reads: Iterable[Read]) -> None:
    """Write an entry for each."""
    kind, found = ContentType.objects.get_for_model(Station), list(reads)
    stations = Station.objects.in_bulk([read.station_id for read in found if read.station_id])
    AuditEntry.objects.bulk_create(
        AuditEntry(
            content_type=kind,
            object_pk=str(read.station_id or ""),
            object_repr=str(stations.get(read.station_id or 0, "")),
            action=AuditEntry.Action.ACCESS,
            changes={name: [None, value] for name, value in _as_json(read).items() if value is not None},
            station_id=read.station_id,
            event=read.event,
            **read.context,
        )
        for read in found
    )


def _as_json(read: Read) -> dict[str, Any]:
    return {
        "count": read.count,
        "calls": read.calls,
        "first": read.first and read.first.isoformat(),
        "last": read.last and read.last.isoformat(),
        "fields": list(read.fields),
    }


def sentence(event: str, changes: Mapping[str, Any]) -> str:
    """What an entry says, for a person: “Bookings exported: 120 (2031-03-01 to 2031-03-31), with name, email, phone”."""
    said = {name: new for name, (_old, new) in changes.items()}
    text = f"{ReadEvent(event).label}: {said['count']}"
    if "first" in said:
        text += f" ({said['first']})" if said["first"] == said["last"] else f" ({said['first']} – {said['last']})"
    if said["calls"] > 1:
        text += " " + ngettext("in %(count)d call", "in %(count)d calls", said["calls"]) % {"count": said["calls"]}
    names = ", ".join(str(LABELS.get(name, name)) for name in said["fields"])
    return f"{text}, " + (_("with %(fields)s") % {"fields": names} if names else _("without personal data"))


@dataclass(slots=True)
class _Caller:
    """What one caller reads at one station: when the last entry was written, of how much since an hour, and what is in none."""

    since: float
    recorded: int = 0
    pending: Read | None = None


class Tally:
    """Reads by API in this process. Safe to be called by many threads."""

    def __init__(self) -> None:
        self._callers: dict[tuple[Any, ...], _Caller] = {}
        self._lock = Lock()
        self._swept = monotonic()

    def add(self, reads: Iterable[Read], *, by: Person) -> list[Read]:
        """Count these, and return what is to be recorded now."""
        now = monotonic()
        with self._lock:
            due = [one for read in reads if (one := self._add(read, by, now))]
            return [*due, *self._sweep(now)]

    def _add(self, read: Read, by: Person, now: float) -> Read | None:
        key = (by.pk, read.context["channel"], read.station_id, read.event)
        caller = self._callers.setdefault(key, _Caller(now))
        together = caller.pending.and_then(read) if caller.pending else read
        if caller.recorded and together.count < max(LITTLE, GROWN * caller.recorded):
            caller.pending = together
            return None
        caller.recorded, caller.pending = caller.recorded + together.count, None
        return together

    def _sweep(self, now: float) -> list[Read]:
        """What has waited for an hour. Whoever has read nothing since is forgotten, and begins again."""
        if now - self._swept < SECONDS_BETWEEN / 60:
            return []
        self._swept = now
        over = {key: caller for key, caller in self._callers.items() if now - caller.since >= SECONDS_BETWEEN}
        for key in over:
            del self._callers[key]
        return [caller.pending for caller in over.values() if caller.pending]

    def clear(self) -> None:
        with self._lock:
            self._callers.clear()


tally: Final = Tally()


def write(reads: Sequence[Read]) -> None:
    """Record what a tally found to be due, after the answer. The database being away is no failure of the answer's."""
    try:
        record(reads)
    except Error:
        log.exception("Reads by API could not be recorded.")
