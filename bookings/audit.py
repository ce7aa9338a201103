"""The audit entries of bookings, and their history in sentences.

`changes` of an entry is `{field: [old, new]}`, as auditlog writes it for other models. Personal data is recorded as
changed, without its value.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, Final

from auditlog.registry import auditlog
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.dateparse import parse_date, parse_time
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.audit import origin, recorder
from accounts.audit.models import LockedChains
from accounts.audit.origin import REDACTED, Channel
from accounts.audit.visibility import MOVED_IN, VisibleStations, hides_origin
from accounts.models import AuditEntry
from bookings.models import Booking, Feed
from bookings.models.fields import PERSONAL_FIELDS, Use, used_in
from bookings.models.mail_state import Kind
from bookings.models.status import Status
from core import formats
from stations.access import Person
from stations.models import Station

_VALUES: Final = tuple(name for name in used_in(Use.AUDIT) if name not in ("station", "customer"))


class Event(models.TextChoices):
    CREATED = "created", gettext_lazy("Booked")
    EDITED = "edited", gettext_lazy("Edited")
    RESCHEDULED = "rescheduled", gettext_lazy("Moved")
    LEFT = "left", gettext_lazy("Moved to another station")
    CAME = MOVED_IN, gettext_lazy("Came from another station")
    STATUS = "status", gettext_lazy("Status changed")
    DISPLACED = "displaced", gettext_lazy("Became unassigned")
    RETIMED = "retimed", gettext_lazy("Times recalculated")
    MAIL_NOW = "mail_now", gettext_lazy("Email sent at once")
    MAIL_AGAIN = "mail_again", gettext_lazy("Email sent again")
    MAIL_WITHHELD = "mail_withheld", gettext_lazy("No email: the customer already knows")
    ERASED = "erased", gettext_lazy("Customer erased")
    CONTACT_USED = "contact_used", gettext_lazy("Saved for the customer")
    CONTACT_DISMISSED = "contact_dismissed", gettext_lazy("Dismissed")


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a booking, and the station in whose audit log it is recorded."""

    booking: Booking
    event: Event
    changes: dict[str, list[Any]]
    station_id: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a booking's history. `who` is an email, or "" for a command; `channel` says from where, "" for a command that
    runs by itself; `what` is a sentence."""

    when: datetime
    who: str
    channel: str
    event: str
    what: str


def recorded(booking: Booking) -> dict[str, Any]:
    """The values of a booking that audit entries record, for comparison before and after a change."""
    values = {name: getattr(booking, name) for name in _VALUES}
    return {"station": booking.station.code, "customer": booking.customer_id, **values}


def _plain(value: Any) -> Any:
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int) else str(value)


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], *, always: Collection[str] = ()
) -> dict[str, list[Any]]:
    """`{field: [old, new]}` for what differs and for `always`, in JSON's types; personal data without its value."""
    return {
        name: [REDACTED, REDACTED] if name in PERSONAL_FIELDS else [_plain(before.get(name)), _plain(new)]
        for name, new in after.items()
        if name in always or before.get(name) != new
    }


def record(changes: Iterable[Change], *, by: Person, chains: LockedChains | None = None) -> None:
    """Write the entries in the transaction of the changes. `chains` are those of the stations, if they have been read already."""
    kind = ContentType.objects.get_for_model(Booking)
    source = origin.entry_fields(by)
    entries = (
        AuditEntry(
            content_type=kind,
            object_pk=str(change.booking.pk),
            object_repr=str(change.booking),
            action=AuditEntry.Action.CREATE if change.event == Event.CREATED else AuditEntry.Action.UPDATE,
            changes=change.changes,
            station_id=change.station_id,
            event=change.event,
            **source,
        )
        for change in changes
    )
    AuditEntry.objects.bulk_create(entries, chains=chains)


def entries(booking: Booking) -> models.QuerySet[AuditEntry]:
    """The booking's entries in the log of its current station, latest first."""
    found: models.QuerySet[AuditEntry] = AuditEntry.objects.filter(object_pk=str(booking.pk))
    return found.filter(station=booking.station_id).order_by("-id")


def story(booking: Booking, person: Person) -> list[Line]:
    """The booking's history at its current station, latest first, in the active language."""
    return _lines(entries(booking), booking, person)


def last_line(booking: Booking, person: Person) -> Line | None:
    """The last change; None for a booking without an entry."""
    return next(iter(_lines(entries(booking)[:1], booking, person)), None)


def _lines(found: Iterable[AuditEntry], booking: Booking, person: Person) -> list[Line]:
    seen = Station.objects.visible_codes(person)
    return [line(entry, booking.station.country, seen) for entry in found]


def line(entry: AuditEntry, country: str, seen: VisibleStations) -> Line:
    hidden = hides_origin(entry, seen)
    return Line(
        when=entry.timestamp,
        who=_("someone at another station") if hidden else entry.actor_email or "",
        channel="" if hidden or _is_plain_command(entry) else entry.get_channel_display(),
        event=entry.event,
        what=entry_sentence(entry, country, seen),
    )


def _is_plain_command(entry: AuditEntry) -> bool:
    return not entry.actor_email and entry.channel == Channel.COMMAND


def entry_sentence(entry: AuditEntry, country: str, seen: VisibleStations) -> str:
    """The sentence of an entry, for somebody who may see these stations."""
    changes = entry.changes or {}
    if entry.event == Event.CAME and hides_origin(entry, seen):
        given = [str(label) for name, label in recorder.GIVEN_CONTACT_LABELS.items() if name in changes]
        return "; ".join([f"{capfirst(_('another station'))} → {_place(changes, 1, country)}", *given])
    return sentence(entry.event, changes, country)


def sentence(event: str, changes: Mapping[str, Any], country: str) -> str:
    """The sentence of a change: “Fri 18:00 → Sat 19:00”, “confirmed → arrived”."""
    given = [str(label) for name, label in recorder.GIVEN_CONTACT_LABELS.items() if name in changes]
    if event in (Event.RESCHEDULED, Event.CAME, Event.LEFT):
        return "; ".join([_moved(event, changes, country), *given])
    if event == Event.STATUS:
        return " → ".join(str(Status(value).label) for value in changes["status"])
    if "mail" in changes:
        return f"{Event(event).label} ({Kind(changes['mail'][1]).label})"
    if event == Event.CREATED:
        return "; ".join([f"{Event.CREATED.label}: {_place(changes, 1, country)}", *given])
    label = Event(event).label if event in Event.values else event
    silent = ("needs_place", "starts_at", "ends_at")
    fields = ", ".join(recorder.field_label(Booking, name) for name in changes if name not in silent)
    return f"{label}: {fields}" if fields else str(label)


def _moved(event: str, changes: Mapping[str, Any], country: str) -> str:
    there = _("another station") if event == Event.LEFT else _place(changes, 1, country)
    return f"{_place(changes, 0, country)} → {there}"


def _place(changes: Mapping[str, Any], side: int, country: str) -> str:
    """The old (0) or new (1) place; the station is named only if it changed."""
    day = parse_date(str(changes["date"][side])) if "date" in changes else None
    slot = parse_time(str(changes["slot"][side])) if "slot" in changes else None
    when = formats.format_date(day, country) if day else ""
    if slot:
        when = formats.format_datetime(when, slot, country) if when else formats.format_time(slot, country)
    where = str(changes["station"][side]) if None not in changes.get("station", [None]) else ""
    return " ".join(part for part in (where, when) if part)


def register_models() -> None:
    """Register the models whose changes auditlog records by itself."""
    auditlog.register(Feed, exclude_fields=["digest", "renewed_at", "recorded_on", "ended_at", "epoch"])
