"""What a calendar file holds (RFC 5545), and who says it to whom (RFC 5546): values in, bytes out.

Text comes through as it was, emoji and right to left included; control characters, which the format cannot hold, are dropped.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from bookings.icalendar.timezones import Clock
from bookings.models.status import EventStatus

PRODUCT: Final = "-//Stationbook//Stationbook//EN"
END: Final = b"END:VCALENDAR\r\n"
LINE_OCTETS: Final = 75
_LINE_END: Final = re.compile(r"\r\n?")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})
_PARAMETER_ESCAPES: Final = str.maketrans({"^": "^^", '"': "^'"})
"""RFC 6868's."""


class Method(StrEnum):
    """What a file wants of its reader: know this, put it into your calendar or bring it up to date, take it out."""

    PUBLISH = "PUBLISH"
    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


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
    sent_by: str = ""
    """Who writes for the organizer, where that is somebody else; an email address."""


def begin(method: Method, clocks: Iterable[Clock], *, name: str = "", refresh_minutes: int = 0) -> bytes:
    """The head of a file, with the clocks by which its entries are told; those and `END` follow.

    `name` is the calendar's own, `refresh_minutes` when a reader should look again: each by the standard (RFC 7986), and as
    programs knew it before.
    """
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODUCT}", "CALSCALE:GREGORIAN", f"METHOD:{method}"]
    if name:
        head += [f"NAME:{_text(line(name))}", f"X-WR-CALNAME:{_text(line(name))}"]
    if refresh_minutes:
        head += [f"REFRESH-INTERVAL;VALUE=DURATION:PT{refresh_minutes}M", f"X-PUBLISHED-TTL:PT{refresh_minutes}M"]
    return _lines(head + [told for vtimezone in sorted({clock.vtimezone for clock in clocks}) for told in vtimezone])


def vevent(event: Event, clock: Clock, *, stamp: datetime) -> bytes:
    """The entry, told by a clock that stands in the file's head."""
    told = [
        "BEGIN:VEVENT",
        f"UID:{_text(event.uid)}",
        f"SEQUENCE:{event.sequence}",
        f"DTSTAMP:{_utc(stamp)}",
        f"CREATED:{_utc(event.created_at)}",
        f"LAST-MODIFIED:{_utc(event.changed_at)}",
        f"DTSTART{clock.format_instant(event.starts_at)}",
        f"DTEND{clock.format_instant(event.ends_at)}",
        f"STATUS:{event.status}",
        f"SUMMARY:{_text(line(event.summary))}",
    ]
    if event.description:
        told.append(f"DESCRIPTION:{_text(plain(event.description))}")
    if event.location:
        told.append(f"LOCATION:{_text(plain(event.location))}")
    told.append(f"ORGANIZER{_sent_by(event)}{_address(event.organizer)}")
    if event.attendee:  # who has booked comes, and is not asked again whether
        told.append(f"ATTENDEE;PARTSTAT=ACCEPTED;RSVP=FALSE{_address(event.attendee)}")
    return _lines([*told, "END:VEVENT"])


def plain(text: str) -> str:
    """Lines of text, as the format can hold them."""
    return _CONTROL.sub("", _LINE_END.sub("\n", text))


def line(text: str) -> str:
    """The same in one line."""
    return plain(text).replace("\n", " ")


def _text(text: str) -> str:
    return text.translate(_ESCAPES)


def _utc(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _address(party: Party) -> str:
    name = line(party.name).translate(_PARAMETER_ESCAPES)
    address = _mailto(party.email)
    return f';CN="{name}":{address}' if name else f":{address}"


def _sent_by(event: Event) -> str:
    """The parameter that names who writes for the organizer (RFC 5545, 3.2.18)."""
    return f';SENT-BY="{_mailto(event.sent_by)}"' if event.sent_by not in ("", event.organizer.email) else ""


def _mailto(email: str) -> str:
    """The URI that RFC 6068 makes of an email address."""
    return "mailto:" + quote(email, safe="@!$'()*+,")


def _lines(lines: Iterable[str]) -> bytes:
    return b"".join(_folded(one.encode()) for one in lines)


def _folded(octets: bytes) -> bytes:
    """A line with its end, folded at 75 octets; never within a character, for readers that look at one line at a time."""
    pieces, begin = [], 0
    while len(octets) - begin > (room := LINE_OCTETS - bool(begin)):  # a line that goes on begins with a blank
        end = begin + room
        while octets[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(octets[begin:end])
        begin = end
    return b"\r\n ".join([*pieces, octets[begin:]]) + b"\r\n"
