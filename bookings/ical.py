"""What a calendar file holds (RFC 5545), and who says it to whom (RFC 5546): values in, bytes out.

Lines end in CRLF and are folded at 75 octets between characters. Text comes through as it was, emoji and right to left
included; control characters, which the format cannot hold, are dropped.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from urllib.parse import quote

import icalendar
from icalendar import vCalAddress, vText

from bookings.clocks import Clock

PRODUCT: Final = "-//Stationbook//Stationbook//EN"
END: Final = b"END:VCALENDAR\r\n"
_LINE_END: Final = re.compile(r"\r\n?")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Method(StrEnum):
    """What a file wants of its reader: know this, put it into your calendar or bring it up to date, take it out."""

    PUBLISH = "PUBLISH"
    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


class EventStatus(StrEnum):
    TENTATIVE = "TENTATIVE"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Party:
    """Who invites, or is invited."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a calendar. `uid` stays for its life, `sequence` grows with each change; times are instants in UTC."""

    uid: str
    sequence: int
    starts_at: datetime
    ends_at: datetime
    zone: str
    """IANA's name of the zone by whose clock people come."""
    summary: str
    description: str
    location: str
    organizer: Party
    attendee: Party | None
    status: EventStatus
    created_at: datetime
    changed_at: datetime


def begin(method: Method, properties: dict[str, str] | None = None) -> bytes:
    """The head of a file; its clocks, its entries and `END` follow."""
    head = icalendar.Calendar()
    head.add("prodid", PRODUCT)
    head.add("version", "2.0")
    head.add("calscale", "GREGORIAN")
    head.add("method", method)
    for name, text in (properties or {}).items():
        head.add(name, _Text(line(text)))
    return bytes(head.to_ical()).removesuffix(END)


def vevent(event: Event, clock: Clock, *, stamp: datetime) -> bytes:
    """The entry. The file must hold the clock's VTIMEZONE."""
    made = icalendar.Event()
    made.add("uid", event.uid)
    made.add("sequence", event.sequence)
    made.add("dtstamp", stamp.astimezone(UTC))
    made.add("created", event.created_at)
    made.add("last-modified", event.changed_at)
    made.add("dtstart", clock.tell(event.starts_at))
    made.add("dtend", clock.tell(event.ends_at))
    made.add("status", event.status)
    made.add("summary", _Text(line(event.summary)))
    for name, text in (("description", event.description), ("location", event.location)):
        if text:
            made.add(name, _Text(plain(text)))
    made.add("organizer", _address(event.organizer))
    if event.attendee:
        made.add("attendee", _attendee(event.attendee))
    return bytes(made.to_ical())


def plain(text: str) -> str:
    """Lines of text, as the format can hold them."""
    return _CONTROL.sub("", _LINE_END.sub("\n", text))


def line(text: str) -> str:
    """The same in one line."""
    return plain(text).replace("\n", " ")


class _Text(vText):
    """A text, escaped whole: icalendar takes a backslash before a capital N for a line break."""

    def to_ical(self) -> bytes:
        escaped = str(self).replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")
        return escaped.encode()


def _address(party: Party) -> vCalAddress:
    """An address as the URI that RFC 6068 makes of it."""
    address = vCalAddress("mailto:" + quote(party.email, safe="@!$'()*+,"))
    if name := line(party.name):
        address.params["CN"] = name
    return address


def _attendee(party: Party) -> vCalAddress:
    """Who has booked comes, and is not asked again whether."""
    address = _address(party)
    address.params |= {"CUTYPE": "INDIVIDUAL", "ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED", "RSVP": "FALSE"}
    return address
