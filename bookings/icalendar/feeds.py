"""Calendar feeds: read by other programs at secret addresses that a user creates, renews and revokes."""

# A person who knows the address reads what the user may see at that moment. The secret has 256 bits and is shown once; only
# its digest is stored.

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, islice
from typing import Final, NamedTuple, Self

from django.db import transaction
from django.db.models import Count
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts import roles
from accounts.audit import bulk_reads, origin
from accounts.audit.bulk_reads import PERSONAL_FIELDS, Read, ReadEvent
from accounts.audit.origin import REDACTED, Channel
from accounts.auth import account_emails
from accounts.auth.models import EmailKind
from accounts.models import AuditEntry, User
from bookings.calendar import read_model
from bookings.calendar.read_model import Row
from bookings.icalendar import events
from bookings.icalendar.events import CalendarUser, Event, Method
from bookings.icalendar.timezones import CalendarTimezone
from bookings.models import Booking, Feed
from bookings.models.querysets import BookingQuerySet
from bookings.models.status import EventStatus, Phase, Status
from core.bidi import isolate
from core.errors import NotFound
from stations.models import Station

SECRET_BYTES: Final = 32
PAST: Final = timedelta(days=30)
FUTURE: Final = timedelta(days=365)
EVENTS_PER_CHUNK: Final = 100
REFRESH_MINUTES: Final = 15
"""How often programs are asked to read the feed again."""
PLACEHOLDER_EMAIL: Final = "nobody@stationbook.invalid"
"""The organizer's address for stations without an email: calendar programs require one."""


def create(*, station: Station | None, details: bool, by: User) -> tuple[Feed, str]:
    """Create a feed of one station, or of all stations of the user if `station` is None; return it and its secret.

    Raises NotPermitted if the user may not see bookings or, with `details`, personal data; NotFound if the station is not
    visible to them.
    """
    for permission in (roles.VIEW, *([roles.PII] if details else [])):
        roles.require(by, permission)
    if station and not Station.objects.visible_to(by).filter(pk=station.pk).exists():
        raise NotFound
    secret, language = secrets.token_urlsafe(SECRET_BYTES), translation.get_language() or "en"
    with transaction.atomic():
        feed = Feed.objects.create(
            user=by, station=station, details=details, language=language, digest=_digest(secret), epoch=by.epoch
        )
        if details:
            account_emails.queue(by, EmailKind.FEED_CREATED)
    return feed, secret


def renew(feed_id: int, *, by: User) -> tuple[Feed, str]:
    """Give the feed a new secret, so that its old address stops working; a feed that had ended works again. Raises NotFound."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    with transaction.atomic():
        feed = _locked(feed_id, by)
        feed.digest, feed.renewed_at, feed.ended_at = _digest(secret), timezone.now(), None
        feed.save(update_fields=["digest", "renewed_at", "ended_at"])
        changes = {"digest": [REDACTED, REDACTED]}
        AuditEntry.objects.log_create(feed, action=AuditEntry.Action.UPDATE, changes=changes, event="renewed")
        if feed.details:
            account_emails.queue(by, EmailKind.FEED_RENEWED)
    return feed, secret


def revoke(feed_id: int, *, by: User) -> None:
    """Delete the feed, so that its address stops working. Raises NotFound."""
    with transaction.atomic():
        _locked(feed_id, by).delete()


def _locked(feed_id: int, by: User) -> Feed:
    feed = Feed.objects.visible_to(by).select_for_update(of=("self",)).filter(pk=feed_id).first()
    if feed is None:
        raise NotFound
    return feed


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()


def find_by_secret(secret: str) -> Feed:
    """The feed with this secret, and its user. Raises NotFound for a wrong, revoked or ended one alike."""
    feed = Feed.objects.current().select_related("user").filter(digest=_digest(secret)).first()
    if feed is None:
        raise NotFound
    return feed


@dataclass(frozen=True, slots=True)
class FeedContent:
    """What can be read of a feed now: a range of days, at the stations that its user may see."""

    feed: Feed
    stations: list[Station]
    private: bool
    """Whether it has names and details: the feed was created with them, and the user may still see them."""
    first: date
    last: date

    @classmethod
    def of(cls, feed: Feed, *, now: datetime) -> Self:
        """Raises NotFound if the user is inactive, may no longer see bookings, or has lost the station."""
        stations = Station.objects.visible_to(feed.user)
        if feed.station_id:
            stations = stations.filter(pk=feed.station_id)
        if not feed.user.has_perm(roles.VIEW) or not (seen := list(stations)):
            raise NotFound
        today, private = now.astimezone(UTC).date(), feed.details and feed.user.has_perm(roles.PII)
        return cls(feed, seen, private, today - PAST, today + FUTURE)

    @property
    def etag(self) -> str:
        """A tag that changes with the content; computed without reading any booking."""
        known = [(one.name, one.email, one.time_zone) for one in self.stations]
        with translation.override(self.feed.language):
            return read_model.etag(
                self.feed.user, self.stations, "feed", self.feed.pk, self.private, self.first, *known
            )

    def record_read(self, now: datetime) -> None:
        """Record once a day, in the audit log of each station, of how many bookings personal data was read."""
        today = now.astimezone(UTC).date()
        if not self.private or self.feed.recorded_on == today:
            return
        with transaction.atomic():
            first_today = Feed.objects.filter(pk=self.feed.pk).exclude(recorded_on=today).update(recorded_on=today)
            if first_today:
                bulk_reads.record(self._reads())

    def _reads(self) -> Iterator[Read]:
        context = {**origin.entry_fields(self.feed.user), "channel": Channel.FEED}
        counts = dict(self._bookings().order_by().values_list("station").annotate(Count("pk")))
        for station in self.stations:
            count = counts.get(station.pk, 0)
            yield Read(ReadEvent.FEED_READ, station.pk, PERSONAL_FIELDS, count, self.first, self.last, context=context)

    def _bookings(self) -> "BookingQuerySet[Booking]":
        return Booking.objects.filter(station__in=self.stations).between(self.first, self.last)

    def file(self) -> Iterator[bytes]:
        """The calendar file in chunks, with one query and little memory for any number of bookings."""
        return chain([self._header()], _in_chunks(self._events()), [events.END])

    def _header(self) -> bytes:
        name = self.stations[0].name if self.feed.station_id else "Stationbook"
        return events.header(Method.PUBLISH, self._timezones().values(), name=name, refresh_minutes=REFRESH_MINUTES)

    def _events(self) -> Iterator[bytes]:
        stations, timezones = {one.code: one for one in self.stations}, self._timezones()
        # Translated at once: between two chunks, the thread may have another active language.
        with translation.override(self.feed.language):
            labels = Labels.translated()
        for row in read_model.stream_rows(self._bookings().in_order(), personal=self.private):
            event = _event(row, stations[row.station], labels)
            yield events.vevent(event, timezones[row.station], stamp=row.updated_at)

    def _timezones(self) -> dict[str, CalendarTimezone]:
        since = datetime.combine(self.first, time(), tzinfo=UTC) - timedelta(days=1)
        return {station.code: CalendarTimezone.of(station.time_zone, since) for station in self.stations}


def _in_chunks(entries: Iterator[bytes]) -> Iterator[bytes]:
    while chunk := b"".join(islice(entries, EVENTS_PER_CHUNK)):
        yield chunk


class Labels(NamedTuple):
    """The texts of events, in one language."""

    walk_in: str
    cancelled: str
    unassigned: str
    phone: str
    email: str
    special_requests: str

    @classmethod
    def translated(cls) -> Self:
        return cls(
            walk_in=_("Walk-in"),
            cancelled=_("Cancelled: %(who)s"),
            unassigned=_("Unassigned: %(who)s"),
            phone=_("Phone"),
            email=_("Email"),
            special_requests=_("Special requests"),
        )


def _event(row: Row, station: Station, labels: Labels) -> Event:
    return Event(
        uid=str(row.booking_id),
        sequence=row.version,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        time_zone=station.time_zone,
        summary=_summary(row, labels),
        description=_description(row, labels),
        location=station.name,
        organizer=CalendarUser(station.name, station.email or PLACEHOLDER_EMAIL),
        attendee=None,
        status=EventStatus.TENTATIVE if row.is_unassigned else Status(row.status).facts.phase.event_status,
        created_at=row.created_at,
        changed_at=row.updated_at,
    )


def _summary(row: Row, labels: Labels) -> str:
    who = f"{isolate(row.customer.display_name) if row.customer else labels.walk_in} · {row.total_guests}"
    if Status(row.status).facts.phase is Phase.CANCELLED:
        return labels.cancelled % {"who": who}
    return labels.unassigned % {"who": who} if row.is_unassigned else who


def _description(row: Row, labels: Labels) -> str:
    """Contact details and special requests; empty if the feed may not contain them."""
    customer = row.customer
    details = [
        (labels.phone, customer.phone if customer else ""),
        (labels.email, customer.email if customer else ""),
        (labels.special_requests, row.special_requests),
    ]
    return "\n".join(f"{label}: {text}" for label, text in details if text)
