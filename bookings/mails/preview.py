"""Previews of all emails that a station sends, with a made-up customer and booking that are never saved."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from email import message_from_string
from typing import Final

from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import Customer
from bookings.mails import rendering
from bookings.mails.rendering import EmailContent
from bookings.models import Booking, Mail
from bookings.models.mail_state import BookingSnapshot, Kind
from bookings.models.status import Phase, Status
from core.mail.addresses import WIRE_POLICY
from stations.models import Station
from stations.timetable import instant, local_now

DAYS_AHEAD: Final = timedelta(days=7)
NOON: Final = time(12)
PREVIEWED: Final = (
    (Kind.MADE, Status.CONFIRMED),
    (Kind.MADE, Status.PENDING),
    (Kind.CONFIRMED, Status.CONFIRMED),
    (Kind.MOVED, Status.CONFIRMED),
    (Kind.CANCELLED, Status.CANCELLED),
    (Kind.REMINDER, Status.CONFIRMED),
)


@dataclass(frozen=True, slots=True)
class Preview:
    """An email and the addresses in its headers, as its reader sees them."""

    kind: Kind
    status: Status
    sender: str
    reply_to: str
    recipient: str
    words: EmailContent


def previews_of(station: Station, language: str, now: datetime) -> Iterator[Preview]:
    """One email of each kind. Raises ValueError if one of the station's own addresses cannot be used in a header."""
    customer = Customer(station=station, name="Alex Sample", email="alex.sample@example.com", language=language)
    for kind, status in PREVIEWED:
        booking = _booking(customer, status, now)
        known = _known_state(kind, BookingSnapshot.of(booking))
        mail = Mail(booking=booking, station=station, kind=kind, known=known and known.as_json())
        message = rendering.build_message(mail, booking, customer, now=now)
        received = message_from_string(message.as_string(), policy=WIRE_POLICY)
        yield Preview(
            kind,
            status,
            sender=str(received["From"]),
            reply_to=str(received["Reply-To"] or ""),
            recipient=str(received["To"]),
            words=rendering.render(booking, kind, known),
        )


def _booking(customer: Customer, status: Status, now: datetime) -> Booking:
    """A booking a week from now, at noon at the station."""
    station = customer.station
    day = local_now(station, now).date() + DAYS_AHEAD
    starts_at = instant(station.zone, day, NOON) or datetime.combine(day, NOON, UTC)
    with translation.override(customer.language):
        special_requests = _("A table by the window, please.")
    return Booking(
        station=station,
        customer=customer,
        date=day,
        slot=NOON,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=1),
        status=status,
        party_adults=2,
        party_kids=1,
        special_requests=special_requests,
    )


def _known_state(kind: Kind, now: BookingSnapshot) -> BookingSnapshot | None:
    """What the customer knows before they get such an email."""
    if kind is Kind.CONFIRMED:
        return replace(now, phase=Phase.PENDING)
    if kind is Kind.MOVED:
        return replace(now, day=now.day - timedelta(days=1))
    return replace(now, phase=Phase.CONFIRMED) if kind is Kind.CANCELLED else None
