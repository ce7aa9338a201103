"""What was changed at a station on one of its days, and by whom, grouped by what it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.audit.visibility import VisibleStations
from accounts.models import AuditEntry, User
from bookings import audit
from bookings.audit import Event, Line
from bookings.models import Booking, Mail
from bookings.models.mail_state import UNDELIVERED
from bookings.models.status import HIDDEN
from stations.access import Person
from stations.models import Station

MAX_LISTED: Final = 50
"""The latest changes of a group that are listed; all are counted."""
_CANCELLED: Final = Q(event=Event.STATUS, changes__status__1__in=[str(status) for status in HIDDEN])
_GROUPS: Final[dict[str, tuple[Promise, Q]]] = {
    "new": (_("New"), Q(event=Event.CREATED)),
    "moved": (_("Moved"), Q(event__in=[Event.RESCHEDULED, Event.LEFT, Event.CAME])),
    "cancelled": (_("Cancelled"), _CANCELLED),
    "status": (_("Other statuses"), Q(event=Event.STATUS) & ~_CANCELLED),
    "edited": (_("Edited"), Q(event=Event.EDITED)),
}


@dataclass(frozen=True, slots=True)
class DayChange:
    """One change. `booking` is None if it has left the person's stations since."""

    booking: Booking | None
    line: Line
    who: str
    """The name of the person, their email if they have none, or "" for a command."""


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """Changes of one kind, latest first."""

    name: str
    label: Promise
    count: int
    changes: Sequence[DayChange]

    @property
    def unlisted(self) -> int:
        return self.count - len(self.changes)


def changes_on(station: Station, day: date, person: Person) -> list[ChangeGroup]:
    """The groups that have changes. The number of queries does not depend on how many."""
    entries = _entries(station, day, person)
    counts: Mapping[str, int] = entries.aggregate(
        **{name: Count("pk", filter=condition) for name, (_label, condition) in _GROUPS.items()}
    )
    listed = {name: [*entries.filter(_GROUPS[name][1]).order_by("-id")[:MAX_LISTED]] for name in counts if counts[name]}
    describe = _Describer([entry for found in listed.values() for entry in found], station, person)
    return [
        ChangeGroup(name, _GROUPS[name][0], counts[name], [describe(entry) for entry in found])
        for name, found in listed.items()
    ]


def untold(station: Station) -> int:
    """How many emails to customers of the station have reached nobody."""
    return Mail.objects.filter(station=station, state__in=UNDELIVERED).count()


def _entries(station: Station, day: date, person: Person) -> QuerySet[AuditEntry]:
    begin, end = (_midnight(station, one) for one in (day, day + timedelta(days=1)))
    at_station: QuerySet[AuditEntry] = AuditEntry.objects.visible_to(person).filter(station=station)
    # A station's entries have the order of their keys, and an index by it; there is none by time.
    before = at_station.filter(timestamp__lt=begin).order_by("-id").values_list("pk", flat=True).first()
    of_bookings = ContentType.objects.get_for_model(Booking)
    return at_station.filter(content_type=of_bookings, pk__gt=before or 0, timestamp__gte=begin, timestamp__lt=end)


def _midnight(station: Station, day: date) -> datetime:
    return datetime.combine(day, time(), station.zone)


class _Describer:
    """Describes entries by names, with one query for their bookings and one for their people."""

    def __init__(self, entries: Sequence[AuditEntry], station: Station, person: Person) -> None:
        self._country, self._seen = station.country, Station.objects.visible_codes(person)
        visible = Booking.objects.visible_to(person).select_related("station", "customer").defer("special_requests")
        self._bookings = {str(one.pk): one for one in visible.filter(pk__in={entry.object_pk for entry in entries})}
        emails = {entry.actor_email for entry in entries if entry.actor_email}
        self._names = {one.email: one.display_name for one in User.objects.filter(email__in=emails)}

    def __call__(self, entry: AuditEntry) -> DayChange:
        seen: VisibleStations = self._seen
        line = audit.line(entry, self._country, seen)
        return DayChange(self._bookings.get(entry.object_pk), line, self._names.get(line.who, line.who))
