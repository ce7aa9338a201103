"""Every mail as a station's customers would get it, with a customer and a booking that never were: nothing here is written."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from email import message_from_string
from typing import Final

from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import Customer
from bookings.mails import rendering
from bookings.mails.rendering import Words
from bookings.models import Booking, Mail
from bookings.models.mail_state import Kind, Standing
from bookings.models.status import Phase, Status
from stations.models import Station
from stations.timetable import instant, local_now

AHEAD: Final = timedelta(days=7)
NOON: Final = time(12)
SHOWN: Final = (
    (Kind.MADE, Status.CONFIRMED),
    (Kind.MADE, Status.PENDING),
    (Kind.CONFIRMED, Status.CONFIRMED),
    (Kind.MOVED, Status.CONFIRMED),
    (Kind.CANCELLED, Status.CANCELLED),
    (Kind.REMINDER, Status.CONFIRMED),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One mail, with what its headers say, as its reader sees them, of who writes to whom."""

    kind: Kind
    status: Status
    sender: str
    reply_to: str
    recipient: str
    words: Words


def of(station: Station, language: str, now: datetime) -> Iterator[Sample]:
    """One of each kind. Raises ValueError where one of the station's own addresses is such as no header can hold."""
    customer = Customer(station=station, name="Alex Sample", email="alex.sample@example.com", language=language)
    for kind, status in SHOWN:
        booking = _booking(customer, status, now)
        knows = _known(kind, Standing.of(booking))
        mail = Mail(booking=booking, station=station, kind=kind, known=knows and knows.as_json())
        message = rendering.message(mail, booking, customer, now=now)
        received = message_from_string(message.as_string(), policy=rendering.WIRE)
        yield Sample(
            kind,
            status,
            sender=str(received["From"]),
            reply_to=str(received["Reply-To"] or ""),
            recipient=str(received["To"]),
            words=rendering.words(booking, kind, knows),
        )


def _booking(customer: Customer, status: Status, now: datetime) -> Booking:
    """A week from now, at noon by the station's clock."""
    station = customer.station
    day = local_now(station, now).date() + AHEAD
    begins = instant(station.zone, day, NOON) or datetime.combine(day, NOON, UTC)
    with translation.override(customer.language):
        wishes = _("A table by the window, please.")
    return Booking(
        station=station,
        customer=customer,
        date=day,
        slot=NOON,
        starts_at=begins,
        ends_at=begins + timedelta(hours=1),
        status=status,
        party_adults=2,
        party_kids=1,
        special_requests=wishes,
    )


def _known(kind: Kind, now: Standing) -> Standing | None:
    """What the customer knows before such a mail."""
    if kind is Kind.CONFIRMED:
        return replace(now, phase=Phase.PENDING)
    if kind is Kind.MOVED:
        return replace(now, day=now.day - timedelta(days=1))
    return replace(now, phase=Phase.CONFIRMED) if kind is Kind.CANCELLED else None
