"""Writes calendar files (RFC 5545) and scheduling messages (RFC 5546)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from bookings.icalendar.timezones import CalendarTimezone
from bookings.models.status import EventStatus

PRODUCT: Final = "-//Stationbook//Stationbook//EN"
END: Final = b"END:VCALENDAR\r\n"
LINE_OCTETS: Final = 75
_LINE_END: Final = re.compile(r"\r\n?")
# The format cannot hold control characters, so they are dropped.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})
_PARAMETER_ESCAPES: Final = str.maketrans({"^": "^^", '"': "^'"})  # RFC 6868


class Method(StrEnum):
    """What a calendar program is to do with the file: show it, add or update its event, or remove it."""

    PUBLISH = "PUBLISH"
    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class CalendarUser:
    """An organizer or attendee of an event."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event. `uid` never changes, `sequence` grows with each change; times are instants in UTC."""

    uid: str
    sequence: int
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    """IANA name of the zone in which its times are shown."""
    summary: str
    description: str
    location: str
    organizer: CalendarUser
    attendee: CalendarUser | None
    status: EventStatus
    created_at: datetime
    changed_at: datetime
    sent_by: str = ""
    """Email address of who sends it on the organizer's behalf, if that is somebody else."""


def header(method: Method, timezones: Iterable[CalendarTimezone], *, name: str = "", refresh_minutes: int = 0) -> bytes:
    """The start of a file; events in these time zones follow, then `END`.

    `name` is the calendar's name, `refresh_minutes` how often a program should read it again.
    """
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODUCT}", "CALSCALE:GREGORIAN", f"METHOD:{method}"]
    # Each both by the standard (RFC 7986) and as programs knew it before.
    if name:
        lines += [f"NAME:{_text(line(name))}", f"X-WR-CALNAME:{_text(line(name))}"]
    if refresh_minutes:
        lines += [f"REFRESH-INTERVAL;VALUE=DURATION:PT{refresh_minutes}M", f"X-PUBLISHED-TTL:PT{refresh_minutes}M"]
    vtimezones = sorted({timezone.vtimezone for timezone in timezones})
    return _lines(lines + [one for vtimezone in vtimezones for one in vtimezone])


def vevent(event: Event, timezone: CalendarTimezone, *, stamp: datetime) -> bytes:
    """An event, with its times in a time zone of the file's header."""
    lines = [
        "BEGIN:VEVENT",
        f"UID:{_text(event.uid)}",
        f"SEQUENCE:{event.sequence}",
        f"DTSTAMP:{_utc(stamp)}",
        f"CREATED:{_utc(event.created_at)}",
        f"LAST-MODIFIED:{_utc(event.changed_at)}",
        f"DTSTART{timezone.format_instant(event.starts_at)}",
        f"DTEND{timezone.format_instant(event.ends_at)}",
        f"STATUS:{event.status}",
        f"SUMMARY:{_text(line(event.summary))}",
    ]
    if event.description:
        lines.append(f"DESCRIPTION:{_text(plain(event.description))}")
    if event.location:
        lines.append(f"LOCATION:{_text(plain(event.location))}")
    lines.append(f"ORGANIZER{_sent_by(event)}{_address(event.organizer)}")
    if event.attendee:  # has accepted by booking, and is not asked for an answer
        lines.append(f"ATTENDEE;PARTSTAT=ACCEPTED;RSVP=FALSE{_address(event.attendee)}")
    return _lines([*lines, "END:VEVENT"])


def plain(text: str) -> str:
    """Text without control characters, with line breaks as `\n`."""
    return _CONTROL.sub("", _LINE_END.sub("\n", text))


def line(text: str) -> str:
    """Text without control characters and line breaks."""
    return plain(text).replace("\n", " ")


def _text(text: str) -> str:
    return text.translate(_ESCAPES)


def _utc(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _address(user: CalendarUser) -> str:
    name = line(user.name).translate(_PARAMETER_ESCAPES)
    address = _mailto(user.email)
    return f';CN="{name}":{address}' if name else f":{address}"


def _sent_by(event: Event) -> str:
    """The parameter that names who acts on behalf of the organizer (RFC 5545, 3.2.18)."""
    return f';SENT-BY="{_mailto(event.sent_by)}"' if event.sent_by not in ("", event.organizer.email) else ""


def _mailto(email: str) -> str:
    """The URI of an email address (RFC 6068)."""
    return "mailto:" + quote(email, safe="@!$'()*+,")


def _lines(lines: Iterable[str]) -> bytes:
    return b"".join(_folded(one.encode()) for one in lines)


def _folded(octets: bytes) -> bytes:
    """A line with its end, folded at 75 octets; never within a character, as some programs decode line by line."""
    pieces, start = [], 0
    while len(octets) - start > (room := LINE_OCTETS - bool(start)):  # continuation lines begin with a space
        end = start + room
        while octets[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(octets[start:end])
        start = end
    return b"\r\n ".join([*pieces, octets[start:]]) + b"\r\n"
