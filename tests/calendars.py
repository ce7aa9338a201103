"""Calendar files as others read them: by icalendar, which asks zoneinfo what a zone is, and by Thunderbird's parser (ical.js),
which believes the file's own VTIMEZONE. And a calendar program's store, which takes such files as RFC 5546 says.

PyPI's other readers were looked at: vobject needs six and pytz, and has zones registered for good by whoever names them first;
ical takes a zone's rules from zoneinfo and its own calendar for the truth. ical.js is what customers have.
"""

import atexit
import json
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import icalendar

ROOT: Final = Path(__file__).resolve().parents[1]
NODE: Final = ROOT / ".venv/bin/node"
READER: Final = ROOT / "tests/js/read-calendars.js"
LINE_OCTETS: Final = 75


@dataclass(frozen=True)
class Entry:
    """One event of a file. A party is its name and address."""

    uid: str
    sequence: int
    starts_at: datetime
    ends_at: datetime
    status: str
    summary: str
    description: str
    location: str
    organizer: tuple[str, str] | None
    attendee: tuple[str, str] | None


@dataclass(frozen=True)
class Read:
    """What a reader makes of a file."""

    method: str
    name: str
    entries: list[Entry]


@cache
def _thunderbird() -> "subprocess.Popen[str]":
    """ical.js, which takes longer to start than to read many files."""
    process = subprocess.Popen([NODE, READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.communicate)
    return process


def by_thunderbird(files: Sequence[bytes]) -> list[Read]:
    """What ical.js reads; whatever it finds fault with fails here."""
    process = _thunderbird()
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps([file.decode() for file in files]) + "\n")
    process.stdin.flush()
    found = process.stdout.readline()
    if not found:
        _thunderbird.cache_clear()
        raise ValueError("ical.js cannot read the file: see what it printed.")
    return [
        Read(one["method"], one["name"], [_entry(**entry) for entry in one["entries"]]) for one in json.loads(found)
    ]


def _entry(starts_at: str, ends_at: str, organizer: list[str] | None, attendee: list[str] | None, **same: Any) -> Entry:
    return Entry(
        **same,
        starts_at=datetime.fromisoformat(starts_at),
        ends_at=datetime.fromisoformat(ends_at),
        organizer=organizer and (organizer[0], organizer[1]),  # type: ignore[arg-type]
        attendee=attendee and (attendee[0], attendee[1]),  # type: ignore[arg-type]
    )


def by_icalendar(file: bytes) -> Read:
    """What icalendar reads; whatever it finds fault with fails here."""
    found = icalendar.Calendar.from_ical(file)
    faults = [component.errors for component in found.walk() if component.errors]
    assert faults == []
    return Read(
        str(found["METHOD"]), str(found.get("X-WR-CALNAME", "")), [_event(event) for event in found.walk("VEVENT")]
    )


def _event(event: Any) -> Entry:
    return Entry(
        uid=str(event["UID"]),
        sequence=int(event["SEQUENCE"]),
        starts_at=event["DTSTART"].dt.astimezone(UTC),
        ends_at=event["DTEND"].dt.astimezone(UTC),
        status=str(event["STATUS"]),
        summary=str(event["SUMMARY"]),
        description=str(event.get("DESCRIPTION", "")),
        location=str(event.get("LOCATION", "")),
        organizer=_party(event.get("ORGANIZER")),
        attendee=_party(event.get("ATTENDEE")),
    )


def _party(address: Any) -> tuple[str, str] | None:
    return address and (str(address.params.get("CN", "")), unquote(str(address).removeprefix("mailto:")))


def faults_of_form(file: bytes) -> list[str]:
    """Where the file is not what RFC 5545 says of every line: CRLF, 75 octets, whole characters, no control characters."""
    faults = [] if file.endswith(b"\r\n") else ["the last line has no end"]
    for number, octets in enumerate(file.removesuffix(b"\r\n").split(b"\r\n"), start=1):
        if len(octets) > LINE_OCTETS:
            faults.append(f"line {number} has {len(octets)} octets")
        if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", octets):
            faults.append(f"line {number} holds a control character")
        try:
            octets.decode()
        except UnicodeDecodeError:
            faults.append(f"line {number} ends within a character")
    return faults


@dataclass
class Store:
    """A calendar program's own store, as RFC 5546 (2.1.4, 2.1.5, 3.2) has it: an entry is known by its UID, the higher SEQUENCE
    is the last word, and of two alike the later DTSTAMP. What comes in another organizer's name is ignored."""

    entries: dict[str, Entry] = field(default_factory=dict)
    _newest: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    def take(self, file: bytes) -> None:
        calendar = icalendar.Calendar.from_ical(file)
        assert calendar["METHOD"] in ("REQUEST", "CANCEL")
        events: Any = calendar.walk("VEVENT")
        for event in events:
            uid, age = str(event["UID"]), (int(event["SEQUENCE"]), event["DTSTAMP"].dt)
            event, known = _event(event), self.entries.get(uid)
            foreign = known and known.organizer and event.organizer and known.organizer[1] != event.organizer[1]
            if age >= self._newest.get(uid, age) and not foreign:
                self._newest[uid] = age
                self.entries[uid] = event

    def take_all(self, files: Iterable[bytes]) -> "Store":
        for file in files:
            self.take(file)
        return self
