"""Calendars that other programs read: feeds under secret addresses, made, renewed and revoked by the person whose they are.

Whoever knows an address reads what its person may see at that moment. The secret has 256 bits, and only its digest is kept: it
is told once, and nobody can tell it again.
"""

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
from bookings.icalendar.events import Event, Method, Party
from bookings.icalendar.timezones import Clock
from bookings.models import Booking, Feed
from bookings.models.querysets import BookingQuerySet
from bookings.models.status import EventStatus, Phase, Status
from core.bidi import isolate
from core.errors import NotFound
from stations.models import Station

SECRET_BYTES: Final = 32
BACK: Final = timedelta(days=30)
AHEAD: Final = timedelta(days=365)
ENTRIES_A_PIECE: Final = 100
REFRESH_MINUTES: Final = 15
"""How often a program is asked to look again."""
NOBODY: Final = "nobody@stationbook.invalid"
"""For stations without an email: readers want an organizer with an address."""
"""Every other status is that of a confirmed booking."""


def make(*, station: Station | None, details: bool, by: User) -> tuple[Feed, str]:
    """A new feed of one station, or of all that the person has, and its secret.

    Raises NotPermitted, for looking or for details, or NotFound.
    """
    for right in (roles.VIEW, *([roles.PII] if details else [])):
        roles.require(by, right)
    if station and not Station.objects.visible_to(by).filter(pk=station.pk).exists():
        raise NotFound
    secret, language = secrets.token_urlsafe(SECRET_BYTES), translation.get_language() or "en"
    with transaction.atomic():
        made = Feed.objects.create(
            user=by, station=station, details=details, language=language, digest=_digest(secret), epoch=by.epoch
        )
        if details:
            account_emails.queue(by, EmailKind.FEED_CREATED)
    return made, secret


def renew(feed_id: int, *, by: User) -> tuple[Feed, str]:
    """The feed under another secret; the one before leads nowhere from now on. One that had ended is in use again. Raises
    NotFound."""
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
    """No address leads to the feed any more. Raises NotFound."""
    with transaction.atomic():
        _locked(feed_id, by).delete()


def _locked(feed_id: int, by: User) -> Feed:
    feed = Feed.objects.visible_to(by).select_for_update(of=("self",)).filter(pk=feed_id).first()
    if feed is None:
        raise NotFound
    return feed


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()


def find(secret: str) -> Feed:
    """The feed under a secret, with its person. Raises NotFound: nobody knows whether there ever was one."""
    feed = Feed.objects.current().select_related("user").filter(digest=_digest(secret)).first()
    if feed is None:
        raise NotFound
    return feed


@dataclass(frozen=True, slots=True)
class Reading:
    """What may be read of a feed now: so many days, at the stations that its person sees."""

    feed: Feed
    stations: list[Station]
    private: bool
    """With names and details: they were chosen, and may be seen."""
    first: date
    last: date

    @classmethod
    def of(cls, feed: Feed, *, now: datetime) -> Self:
        """Raises NotFound where its person is inactive, may no longer look, or has lost the station."""
        stations = Station.objects.visible_to(feed.user)
        if feed.station_id:
            stations = stations.filter(pk=feed.station_id)
        if not feed.user.has_perm(roles.VIEW) or not (seen := list(stations)):
            raise NotFound
        today, private = now.astimezone(UTC).date(), feed.details and feed.user.has_perm(roles.PII)
        return cls(feed, seen, private, today - BACK, today + AHEAD)

    @property
    def etag(self) -> str:
        """What a copy is good for; told before any booking is read."""
        known = [(one.name, one.email, one.time_zone) for one in self.stations]
        with translation.override(self.feed.language):
            return read_model.etag(
                self.feed.user, self.stations, "feed", self.feed.pk, self.private, self.first, *known
            )

    def record(self, now: datetime) -> None:
        """Note in the audit log of each station, once a day, that details are read by the feed's address, and how many."""
        today = now.astimezone(UTC).date()
        if not self.private or self.feed.recorded_on == today:
            return
        with transaction.atomic():
            first_today = Feed.objects.filter(pk=self.feed.pk).exclude(recorded_on=today).update(recorded_on=today)
            if first_today:
                bulk_reads.record(self._reads())

    def _reads(self) -> Iterator[Read]:
        context = {**origin.entry_fields(self.feed.user), "channel": Channel.FEED}
        at_each = dict(self._bookings().order_by().values_list("station").annotate(Count("pk")))
        for station in self.stations:
            count = at_each.get(station.pk, 0)
            yield Read(ReadEvent.FEED_READ, station.pk, PERSONAL_FIELDS, count, self.first, self.last, context=context)

    def _bookings(self) -> "BookingQuerySet[Booking]":
        return Booking.objects.filter(station__in=self.stations).between(self.first, self.last)

    def file(self) -> Iterator[bytes]:
        """The calendar file in pieces: one query and little memory, for any number of bookings."""
        return chain([self._head()], _in_pieces(self._entries()), [events.END])

    def _head(self) -> bytes:
        name = self.stations[0].name if self.feed.station_id else "Stationbook"
        return events.begin(Method.PUBLISH, self._clocks().values(), name=name, refresh_minutes=REFRESH_MINUTES)

    def _entries(self) -> Iterator[bytes]:
        stations, clocks = {one.code: one for one in self.stations}, self._clocks()
        with translation.override(self.feed.language):
            words = Words.spoken()
        for row in read_model.stream_rows(self._bookings().in_order(), personal=self.private):
            event = _event(row, stations[row.station], words)
            yield events.vevent(event, clocks[row.station], stamp=row.updated_at)

    def _clocks(self) -> dict[str, Clock]:
        since = datetime.combine(self.first, time(), tzinfo=UTC) - timedelta(days=1)
        return {station.code: Clock.of(station.time_zone, since) for station in self.stations}


def _in_pieces(entries: Iterator[bytes]) -> Iterator[bytes]:
    while piece := b"".join(islice(entries, ENTRIES_A_PIECE)):
        yield piece


class Words(NamedTuple):
    """What an entry says in words, spoken once: between two pieces of a file the thread may speak another language."""

    walk_in: str
    cancelled: str
    displaced: str
    phone: str
    email: str
    wishes: str

    @classmethod
    def spoken(cls) -> Self:
        return cls(
            walk_in=_("Walk-in"),
            cancelled=_("Cancelled: %(who)s"),
            displaced=_("Unassigned: %(who)s"),
            phone=_("Phone"),
            email=_("Email"),
            wishes=_("Special requests"),
        )


def _event(row: Row, station: Station, words: Words) -> Event:
    return Event(
        uid=str(row.booking_id),
        sequence=row.version,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        zone=station.time_zone,
        summary=_summary(row, words),
        description=_description(row, words),
        location=station.name,
        organizer=Party(station.name, station.email or NOBODY),
        attendee=None,
        status=EventStatus.TENTATIVE if row.is_unassigned else Status(row.status).facts.phase.event_status,
        created_at=row.created_at,
        changed_at=row.updated_at,
    )


def _summary(row: Row, words: Words) -> str:
    who = f"{isolate(row.customer.display_name) if row.customer else words.walk_in} · {row.total_guests}"
    if Status(row.status).facts.phase is Phase.CANCELLED:
        return words.cancelled % {"who": who}
    return words.displaced % {"who": who} if row.is_unassigned else who


def _description(row: Row, words: Words) -> str:
    """What there is besides, where details may be read; else nothing."""
    customer = row.customer
    told = [
        (words.phone, customer.phone if customer else ""),
        (words.email, customer.email if customer else ""),
        (words.wishes, row.special_requests),
    ]
    return "\n".join(f"{label}: {text}" for label, text in told if text)
