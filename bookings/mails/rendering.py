"""Renders emails to customers: their text in the customer's language and the station's time, and the message made of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from email import message_from_string
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Customer
from bookings.icalendar.events import CalendarUser, Event, Method
from bookings.mails.calendar_invite import invitation
from bookings.mails.organizers import organizer_of
from bookings.mails.untrusted_text import name_to_repeat, requests_to_repeat
from bookings.models import Booking, Mail
from bookings.models.mail_state import BookingSnapshot, Kind
from bookings.models.status import Phase
from core import formats
from core.bidi import isolate
from core.mail import mime_headers
from core.mail.addresses import WIRE_POLICY, ascii_address
from core.mail.smtp import Envelope
from stations.models import Station


@dataclass(frozen=True, slots=True)
class EmailContent:
    """What a customer reads. `html` is a safe HTML fragment; `subject` and `text` are plain text."""

    subject: str
    text: str
    html: str


def render(booking: Booking, kind: Kind, known: BookingSnapshot | None) -> EmailContent:
    """Render an email in the customer's language. `known` is what the customer knows of the booking so far."""
    with translation.override(language_of(booking)):
        context = _context(booking, kind, known)
        # The first line of a template is the subject, the second the message, the rest what the customer can do.
        subject, lead, action = render_to_string(f"mails/{kind}.txt", context).strip().split("\n", 2)
        context |= {"lead": lead, "action": action.strip()}
        text = render_to_string("mails/_base.txt", context).strip() + "\n"
        return EmailContent(subject, text, render_to_string("mails/_base.html", context))


def language_of(booking: Booking) -> str:
    """The language of the booking's emails: the customer's, the station's or the default."""
    available = dict(settings.LANGUAGES)
    wanted = (booking.customer.language if booking.customer else "", booking.station.language, settings.LANGUAGE_CODE)
    return next(language for language in wanted if language in available)


def _context(booking: Booking, kind: Kind, known: BookingSnapshot | None) -> dict[str, Any]:
    station = booking.station
    here = _place(booking.date, booking.slot, station)
    before = _place(known.day, known.slot, _station(known, station)) if known else here
    return {
        "station": station,
        "name": isolate(name_to_repeat(booking.customer.name)) if booking.customer else "",
        "pending": BookingSnapshot.of(booking).phase is Phase.PENDING,
        "place": before if kind is Kind.CANCELLED else here,
        "before": before,
        "elsewhere": known is not None and known.station != station.pk,
        **_end(booking),
        "facts": [] if kind is Kind.CANCELLED else list(_facts(booking, here)),
        "can_reply": bool(reply_to_address(station) or station.mail_from),
        "signature": station.mail_signature or station.name,
    }


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of the booking's details."""

    name: str
    text: str


def _facts(booking: Booking, here: Mapping[str, str]) -> Iterator[Fact]:
    end = _end(booking)
    when = _("%(day)s, %(time)s to %(ends)s (time in %(zone)s)")
    if end["end_day"]:
        when = _("%(day)s, %(time)s to %(end_day)s, %(ends)s (time in %(zone)s)")
    yield Fact(_("When"), when % {**here, **end, "zone": formats.format_time_zone(booking.station.time_zone)})
    yield Fact(_("Where"), _location(booking.station))
    yield Fact(_("Guests"), _party(booking))
    if requests := requests_to_repeat(booking):
        yield Fact(_("Your special requests"), requests)


def _party(booking: Booking) -> str:
    adults, kids = booking.party_adults, booking.party_kids
    counted = [
        ngettext("%(count)d adult", "%(count)d adults", adults) % {"count": adults} if adults else "",
        ngettext("%(count)d child", "%(count)d children", kids) % {"count": kids} if kids else "",
    ]
    return ", ".join(filter(None, counted))


def _location(station: Station) -> str:
    return ", ".join(filter(None, [station.name, *station.address.splitlines()]))


def _place(day: date, slot: time, station: Station) -> dict[str, str]:
    country = station.country
    return {
        "name": isolate(station.name),
        "day": formats.format_full_date(day, country),
        "time": formats.format_time(slot, country),
    }


def _end(booking: Booking) -> dict[str, str]:
    """When the booking ends; `end_day` is "" if it ends on its own date."""
    station = booking.station
    end = booking.ends_at.astimezone(station.zone)
    end_day = formats.format_full_date(end.date(), station.country) if end.date() != booking.date else ""
    return {"ends": formats.format_time(end.time(), station.country), "end_day": end_day}


def _station(known: BookingSnapshot, station: Station) -> Station:
    return station if known.station == station.pk else Station.objects.get(pk=known.station)


def build_message(mail: Mail, booking: Booking, customer: Customer, *, now: datetime, email: str = "") -> EmailMessage:
    """The whole message, with the calendar file; to `email`, or to the customer's own address if that is empty."""
    email = ascii_address(email or customer.email)
    kind, station = Kind(mail.kind), booking.station
    content = render(booking, kind, mail.known_state)
    sender = sender_address(station)
    message = EmailMessage(policy=WIRE_POLICY)
    message["Subject"] = mime_headers.text("Subject", content.subject)
    message["From"] = mime_headers.mailbox("From", station.name, sender)
    message["To"] = mime_headers.mailbox("To", name_to_repeat(customer.name), email)
    if reply_to := reply_to_address(station):
        message["Reply-To"] = mime_headers.mailbox("Reply-To", station.name, ascii_address(reply_to))
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{mail.pk}.{booking.version}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(content.text)
    message.add_alternative(content.html, subtype="html")
    with translation.override(language_of(booking)):
        _add_invitation(message, booking, sender, email, now)
    message["Content-Language"] = language_of(booking)
    return message


def _add_invitation(message: EmailMessage, booking: Booking, sender: str, attendee: str, now: datetime) -> None:
    # The same file twice: some programs read the alternative part, others only the attachment.
    method = Method.REQUEST if BookingSnapshot.of(booking).holds else Method.CANCEL
    file = invitation(event_of(booking, sender, attendee), method=method, stamp=now)
    message.add_alternative(file.decode(), subtype="calendar", params={"method": method})
    params = {"method": method, "charset": "utf-8"}
    message.add_attachment(file, maintype="text", subtype="calendar", filename="booking.ics", params=params)


def sender_address(station: Station) -> str:
    return ascii_address(station.mail_from or settings.MAIL_FROM)


def reply_to_address(station: Station) -> str:
    """Where answers go; "" for the sender."""
    return station.mail_reply_to or station.email


def envelope_of(text: str) -> Envelope:
    """A stored message in its envelope, with the addresses of its headers."""
    message = message_from_string(text, policy=WIRE_POLICY)
    [sender], [recipient] = message["From"].addresses, message["To"].addresses
    return Envelope(text.encode("ascii"), sender.addr_spec, recipient.addr_spec)


def event_of(booking: Booking, sender: str, attendee: str) -> Event:
    """The booking as an event of the customer's calendar. Its UID never changes; its sequence grows with each change."""
    station, customer = booking.station, booking.customer
    return Event(
        uid=f"{booking.pk}@stationbook",
        sequence=booking.version,
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        time_zone=station.time_zone,
        summary=station.name,
        description="\n".join(filter(None, [_party(booking), requests_to_repeat(booking)])),
        location=_location(station),
        organizer=organizer_of(booking, sender),
        attendee=CalendarUser(name_to_repeat(customer.name), attendee) if customer else None,
        status=BookingSnapshot.of(booking).phase.event_status,
        created_at=booking.created_at,
        changed_at=booking.updated_at,
        sent_by=sender,
    )
