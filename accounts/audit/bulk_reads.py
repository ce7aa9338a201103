"""Audit entries for bulk reads of personal data: exports, calendar feeds with details, and lists by API.

For each station there is an entry with who read how many rows, of which days and with which personal fields, but no values. Every
export is recorded, before its first line. API calls are too many for that, and must not wait: each process counts them, and
records the first call of a caller at a station at once, then again when the count has grown tenfold or after an hour. A process
that is killed loses at most a count, never the fact that someone read.
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

CONTACT_FIELDS: Final = ("name", "email", "phone")
PERSONAL_FIELDS: Final = (*CONTACT_FIELDS, "special_requests")
STAFF_FIELDS: Final = ("actor_email", "remote_addr")
"""Personal fields of a customer, of a booking, and of the audit log."""
MAX_SECONDS_BETWEEN_ENTRIES: Final = 3600
GROWTH_FACTOR: Final = 10
"""The next entry is written when the count has grown this many times, and by at least MIN_GROWTH."""
MIN_GROWTH: Final = 100


class ReadEvent(models.TextChoices):
    """What was read in bulk."""

    BOOKINGS_EXPORTED = "bookings_exported", gettext_lazy("Bookings exported")
    LOG_EXPORTED = "log_exported", gettext_lazy("Audit log exported")
    LIST_PRINTED = "list_printed", gettext_lazy("Day's list opened for printing")
    FEED_READ = "feed_read", gettext_lazy("Calendar feed read")
    BOOKINGS_READ = "bookings_read", gettext_lazy("Bookings read by API")
    CUSTOMERS_READ = "customers_read", gettext_lazy("Customers read by API")


FIELD_LABELS: Final = {
    "name": gettext_lazy("name"),
    "email": gettext_lazy("email"),
    "phone": gettext_lazy("phone"),
    "special_requests": gettext_lazy("special requests"),
    "actor_email": gettext_lazy("email of staff"),
    "remote_addr": gettext_lazy("network address"),
}


@dataclass(frozen=True, slots=True)
class Read:
    """A number of rows of a station that were read, in one or several calls. Dates are None if the rows have none."""

    event: ReadEvent
    station_id: int | None
    fields: Sequence[str]
    count: int
    first: date | None = None
    last: date | None = None
    calls: int = 1
    context: Mapping[str, Any] = field(default_factory=origin.entry_fields)
    """Who read, and from where, as fields of an audit entry."""

    def merge(self, later: "Read") -> "Read":
        """Both reads as one, with the origin of the later."""
        days = [day for day in (self.first, self.last, later.first, later.last) if day]
        return replace(
            later,
            count=self.count + later.count,
            calls=self.calls + later.calls,
            first=min(days, default=None),
            last=max(days, default=None),
        )


def record(reads: Iterable[Read]) -> None:
    """Write an audit entry for each read."""
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


def describe(event: str, changes: Mapping[str, Any]) -> str:
    """A description of an entry, such as “Bookings exported: 120 (2031-03-01 to 2031-03-31), with name, email, phone”."""
    values = {name: new for name, (_old, new) in changes.items()}
    text = f"{ReadEvent(event).label}: {values['count']}"
    if "first" in values:
        text += (
            f" ({values['first']})" if values["first"] == values["last"] else f" ({values['first']} – {values['last']})"
        )
    if values["calls"] > 1:
        text += " " + ngettext("in %(count)d call", "in %(count)d calls", values["calls"]) % {"count": values["calls"]}
    names = ", ".join(str(FIELD_LABELS.get(name, name)) for name in values["fields"])
    return f"{text}, " + (_("with %(fields)s") % {"fields": names} if names else _("without personal data"))


@dataclass(slots=True)
class _Caller:
    """The reads of one caller at one station: since when they are counted, how many are recorded, and which are not yet."""

    since: float
    recorded: int = 0
    pending: Read | None = None


class Tally:
    """Counts API reads in this process. Thread-safe."""

    def __init__(self) -> None:
        self._callers: dict[tuple[Any, ...], _Caller] = {}
        self._lock = Lock()
        self._last_sweep = monotonic()

    def add(self, reads: Iterable[Read], *, by: Person) -> list[Read]:
        """Count reads, and return those that must be recorded now."""
        now = monotonic()
        with self._lock:
            due = [one for read in reads if (one := self._add(read, by, now))]
            return [*due, *self._sweep(now)]

    def _add(self, read: Read, by: Person, now: float) -> Read | None:
        key = (by.pk, read.context["channel"], read.station_id, read.event)
        caller = self._callers.setdefault(key, _Caller(now))
        total = caller.pending.merge(read) if caller.pending else read
        if caller.recorded and total.count < max(MIN_GROWTH, GROWTH_FACTOR * caller.recorded):
            caller.pending = total
            return None
        caller.recorded, caller.pending = caller.recorded + total.count, None
        return total

    def _sweep(self, now: float) -> list[Read]:
        """Return the reads that have waited for an hour, and stop counting for their callers."""
        if now - self._last_sweep < MAX_SECONDS_BETWEEN_ENTRIES / 60:
            return []
        self._last_sweep = now
        expired = {
            key: caller for key, caller in self._callers.items() if now - caller.since >= MAX_SECONDS_BETWEEN_ENTRIES
        }
        for key in expired:
            del self._callers[key]
        return [caller.pending for caller in expired.values() if caller.pending]

    def clear(self) -> None:
        with self._lock:
            self._callers.clear()


tally: Final = Tally()


def record_or_log(reads: Sequence[Read]) -> None:
    """Record reads after the response was sent. Database errors are logged, because the response has succeeded."""
    try:
        record(reads)
    except Error:
        log.exception("Reads by API could not be recorded.")
