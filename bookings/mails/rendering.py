"""The words of a mail, in the customer's language and the station's time, and the message made of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from email import message_from_string
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final

import idna
from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Customer
from bookings.mails.calendar_invite import Event, Method, Party, invitation
from bookings.mails.organizers import organizer_of
from bookings.mails.untrusted_text import name_to_repeat, requests_to_repeat
from bookings.models import Booking, Mail
from bookings.models.mail_state import Kind, Standing
from bookings.models.status import Phase
from core import formats
from core.bidi import isolate
from core.mail import mime_headers
from core.mail.smtp import Envelope
from stations.models import Station

WIRE: Final = SMTP.clone(cte_type="7bit")
"""Every server takes seven bits."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a customer reads. `html` is a fragment, safe as it is; all else is for a page to escape."""

    subject: str
    text: str
    html: str


def words(booking: Booking, kind: Kind, knows: Standing | None) -> Words:
    """In the customer's language, or the station's. `knows` is where the customer believes the booking to be."""
    with translation.override(language_of(booking)):
        shown = _shown(booking, kind, knows)
        subject, lead, ask = render_to_string(f"mails/{kind}.txt", shown).strip().split("\n", 2)
        shown |= {"lead": lead, "ask": ask.strip()}
        text = render_to_string("mails/_frame.txt", shown).strip() + "\n"
        return Words(subject, text, render_to_string("mails/_frame.html", shown))


def language_of(booking: Booking) -> str:
    known = dict(settings.LANGUAGES)
    wanted = (booking.customer.language if booking.customer else "", booking.station.language, settings.LANGUAGE_CODE)
    return next(language for language in wanted if language in known)


def _shown(booking: Booking, kind: Kind, knows: Standing | None) -> dict[str, Any]:
    station = booking.station
    here = _place(booking.date, booking.slot, station)
    before = _place(knows.day, knows.slot, _station(knows, station)) if knows else here
    return {
        "station": station,
        "name": isolate(name_to_repeat(booking.customer.name)) if booking.customer else "",
        "pending": Standing.of(booking).phase is Phase.PENDING,
        "place": before if kind is Kind.CANCELLED else here,
        "before": before,
        "elsewhere": knows is not None and knows.station != station.pk,
        **_end(booking),
        "facts": [] if kind is Kind.CANCELLED else list(_facts(booking, here)),
        "answered": bool(reply_to_of(station) or station.mail_from),
        "signature": station.mail_signature or station.name,
    }


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    text: str


def _facts(booking: Booking, here: Mapping[str, str]) -> Iterator[Fact]:
    """What a customer keeps the mail for."""
    end = _end(booking)
    when = _("%(day)s, %(time)s to %(ends)s (time in %(zone)s)")
    if end["end_day"]:
        when = _("%(day)s, %(time)s to %(end_day)s, %(ends)s (time in %(zone)s)")
    yield Fact(_("When"), when % {**here, **end, "zone": formats.format_time_zone(booking.station.time_zone)})
    yield Fact(_("Where"), _location(booking.station))
    yield Fact(_("Party"), _party(booking))
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
    """When the booking ends; `end_day` is "" where that is on its own date."""
    station = booking.station
    end = booking.ends_at.astimezone(station.zone)
    end_day = formats.format_full_date(end.date(), station.country) if end.date() != booking.date else ""
    return {"ends": formats.format_time(end.time(), station.country), "end_day": end_day}


def _station(knows: Standing, station: Station) -> Station:
    return station if knows.station == station.pk else Station.objects.get(pk=knows.station)


def message(mail: Mail, booking: Booking, customer: Customer, *, now: datetime, email: str = "") -> EmailMessage:
    """The whole message, calendar file included; to `email`, or to the customer's own address where that is empty."""
    email = ascii_address(email or customer.email)
    kind, station = Kind(mail.kind), booking.station
    written = words(booking, kind, mail.known_state)
    sender = sender_of(station)
    made = EmailMessage(policy=WIRE)
    made["Subject"] = mime_headers.text("Subject", written.subject)
    made["From"] = mime_headers.mailbox("From", station.name, sender)
    made["To"] = mime_headers.mailbox("To", name_to_repeat(customer.name), email)
    if reply_to := reply_to_of(station):
        made["Reply-To"] = mime_headers.mailbox("Reply-To", station.name, ascii_address(reply_to))
    made["Date"] = format_datetime(now)
    made["Message-ID"] = f"<{mail.pk}.{booking.version}@{sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(written.text)
    made.add_alternative(written.html, subtype="html")
    with translation.override(language_of(booking)):
        _add_invitation(made, booking, sender, email, now)
    made["Content-Language"] = language_of(booking)
    return made


def _add_invitation(made: EmailMessage, booking: Booking, sender: str, attendee: str, now: datetime) -> None:
    """Twice, for some programs read the one and some the other: both say the same of the same entry."""
    method = Method.REQUEST if Standing.of(booking).holds else Method.CANCEL
    file = invitation(event_of(booking, sender, attendee), method=method, stamp=now)
    made.add_alternative(file.decode(), subtype="calendar", params={"method": method})
    said = {"method": method, "charset": "utf-8"}
    made.add_attachment(file, maintype="text", subtype="calendar", filename="booking.ics", params=said)


def sender_of(station: Station) -> str:
    return ascii_address(station.mail_from or settings.MAIL_FROM)


def reply_to_of(station: Station) -> str:
    """Where answers go; "" for where the mail came from."""
    return station.mail_reply_to or station.email


def ascii_address(address: str) -> str:
    """With a domain of other letters as mail servers know it: by the rules of 2008, for to those of 2003, which Python knows,
    ß is ss and somebody else's domain. Raises ValueError for what is no domain."""
    local, _at, domain = address.rpartition("@")
    return f"{local}@{domain if domain.isascii() else idna.encode(domain, uts46=True).decode()}"


def is_writable(address: str) -> bool:
    """Whether a header can hold it."""
    try:
        return bool(Address(addr_spec=ascii_address(address)).username)
    except ValueError:
        return False


def envelope_of(text: str) -> Envelope:
    """A kept message with its envelope, which is what its headers say."""
    kept = message_from_string(text, policy=WIRE)
    [sender], [recipient] = kept["From"].addresses, kept["To"].addresses
    return Envelope(text.encode("ascii"), sender.addr_spec, recipient.addr_spec)


def event_of(booking: Booking, sender: str, attendee: str) -> Event:
    """The booking as an entry of its customer's calendar: one uid for its life, and a sequence that grows with each change."""
    station, customer = booking.station, booking.customer
    return Event(
        uid=f"{booking.pk}@stationbook",
        sequence=booking.version,
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        zone=station.time_zone,
        summary=station.name,
        description="\n".join(filter(None, [_party(booking), requests_to_repeat(booking)])),
        location=_location(station),
        organizer=organizer_of(booking, sender),
        attendee=Party(name_to_repeat(customer.name), attendee) if customer else None,
        status=Standing.of(booking).phase.event_status,
        created_at=booking.created_at,
        changed_at=booking.updated_at,
        sent_by=sender,
    )
