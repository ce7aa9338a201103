"""The calendar file of a mail, as two readers read it who share no code, and as a calendar program's store keeps it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings.icalendar.events import CalendarUser, Event, Method
from bookings.icalendar.timezones import CalendarTimezone
from bookings.mails.calendar_invite import invitation
from bookings.models.status import EventStatus
from tests.bookings.icalendar.test_timezones import SIX, moves
from tests.calendars import Entry, Store, by_icalendar, by_thunderbird, faults_of_form

pytestmark = pytest.mark.looks

STAMP: Final = datetime(2031, 3, 1, 9, 30, tzinfo=UTC)
SUPPER: Final = Event(
    uid="3f0c9e62-7f3b-4c55-9a51-0d6f3c1f7b11",
    sequence=0,
    starts_at=datetime(2031, 3, 7, 17, tzinfo=UTC),
    ends_at=datetime(2031, 3, 7, 18, tzinfo=UTC),
    time_zone="Europe/Berlin",
    summary="Kitchen",
    description="For four.",
    location="Kitchen, Hauptstraße 1",
    organizer=CalendarUser("Kitchen", "kitchen@example.com"),
    attendee=CalendarUser("Ana García", "ana@example.com"),
    status=EventStatus.CONFIRMED,
    created_at=STAMP,
    changed_at=STAMP,
)


def asked(event: Event, *, stamp: datetime = STAMP) -> bytes:
    method = Method.CANCEL if event.status is EventStatus.CANCELLED else Method.REQUEST
    return invitation(event, method=method, stamp=stamp)


def entry(event: Event) -> Entry:
    """What a reader should find."""
    assert event.attendee
    return Entry(
        uid=event.uid,
        sequence=event.sequence,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        status=event.status,
        summary=event.summary,
        description=event.description,
        location=event.location,
        organizer=(event.organizer.name, event.organizer.email),
        attendee=(event.attendee.name, event.attendee.email),
    )


def read(events: Sequence[Event]) -> tuple[list[Entry], list[Entry]]:
    """What each of the two readers makes of the events' files."""
    files = [asked(event) for event in events]
    assert [fault for file in files for fault in faults_of_form(file)] == []
    return (
        [one for file in files for one in by_icalendar(file).entries],
        [one for found in by_thunderbird(files) for one in found.entries],
    )


def test_invitation_is_this_file() -> None:
    assert asked(SUPPER).decode().split("\r\n") == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Stationbook//Stationbook//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:REQUEST",
        "BEGIN:VTIMEZONE",
        "TZID:Europe/Berlin",
        "BEGIN:DAYLIGHT",
        "DTSTART:20300331T020000",
        "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
        "TZNAME:CEST",
        "TZOFFSETFROM:+0100",
        "TZOFFSETTO:+0200",
        "END:DAYLIGHT",
        "BEGIN:STANDARD",
        "DTSTART:20301027T030000",
        "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU",
        "TZNAME:CET",
        "TZOFFSETFROM:+0200",
        "TZOFFSETTO:+0100",
        "END:STANDARD",
        "END:VTIMEZONE",
        "BEGIN:VEVENT",
        "UID:3f0c9e62-7f3b-4c55-9a51-0d6f3c1f7b11",
        "SEQUENCE:0",
        "DTSTAMP:20310301T093000Z",
        "CREATED:20310301T093000Z",
        "LAST-MODIFIED:20310301T093000Z",
        "DTSTART;TZID=Europe/Berlin:20310307T180000",
        "DTEND;TZID=Europe/Berlin:20310307T190000",
        "STATUS:CONFIRMED",
        "SUMMARY:Kitchen",
        "DESCRIPTION:For four.",
        "LOCATION:Kitchen\\, Hauptstraße 1",
        'ORGANIZER;CN="Kitchen":mailto:kitchen@example.com',
        'ATTENDEE;PARTSTAT=ACCEPTED;RSVP=FALSE;CN="Ana García":mailto:ana@example.c',
        " om",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]


@pytest.mark.parametrize(
    ("method", "event"),
    [
        (Method.REQUEST, replace(SUPPER, status=EventStatus.CANCELLED)),
        (Method.CANCEL, SUPPER),
        (Method.PUBLISH, SUPPER),
        (Method.REQUEST, replace(SUPPER, attendee=None)),
    ],
)
def test_invitation_says_nothing_that_its_method_cannot_mean(method: Method, event: Event) -> None:
    with pytest.raises(ValueError, match="cannot tell an attendee"):
        invitation(event, method=method, stamp=STAMP)


def test_cancellation_is_of_the_same_entry() -> None:
    event = replace(SUPPER, status=EventStatus.CANCELLED, sequence=3)

    found = by_icalendar(asked(event))

    assert (found.method, found.entries) == ("CANCEL", [entry(event)])


def test_pending_booking_is_tentative() -> None:
    event = replace(SUPPER, status=EventStatus.TENTATIVE)

    assert read([event]) == ([entry(event)], [entry(event)])


@pytest.mark.parametrize("zone", SIX)
def test_invitation_is_right_at_every_edge_of_both_clock_changes(zone: str) -> None:
    """Begun and ended to the minute: before, at, within and after what spring skips and what autumn has twice."""
    changes = moves(zone, 2031, 2031) or [datetime(2031, 3, 30, 1, tzinfo=UTC)]
    edges = [-121, -120, -90, -61, -60, -59, -31, -30, -29, -1, 0, 1, 29, 30, 31, 59, 60, 61]
    events = [
        replace(
            SUPPER,
            uid=f"{at}-{edge}-{length}",
            time_zone=zone,
            starts_at=begin,
            ends_at=begin + timedelta(minutes=length),
        )
        for at in changes
        for edge in edges
        for begin in [at + timedelta(minutes=edge)]
        for length in (1, 30, 60, 90, 25 * 60)
    ]

    wanted = [entry(event) for event in events]
    assert read(events) == (wanted, wanted)


@pytest.mark.slow
def test_invitation_is_right_by_every_clock_of_the_world() -> None:
    """Through a year, and near every move of the clock in it. Only the reader that believes the file's own rules is asked."""
    alike = {CalendarTimezone.of(zone, STAMP).vtimezone[2:]: zone for zone in sorted(available_timezones())}
    seasons = [datetime(2031, month, 15, 12, tzinfo=UTC) for month in (1, 3, 4, 7, 10)]
    events = [
        replace(SUPPER, uid=f"{zone} {begin}", time_zone=zone, starts_at=begin, ends_at=begin + timedelta(hours=2))
        for zone in alike.values()
        for begin in [*seasons, *near_changes(zone)]
    ]

    found = [one for file in by_thunderbird([asked(event) for event in events]) for one in file.entries]

    assert len(alike) > 50
    assert [one.uid for one, event in zip(found, events, strict=True) if one != entry(event)] == []


def near_changes(zone: str) -> list[datetime]:
    days = [datetime(2031, 1, 1, tzinfo=UTC) + timedelta(days=count) for count in range(365)]
    offsets = [day.astimezone(ZoneInfo(zone)).utcoffset() for day in days]
    changed = [day for day, old, new in zip(days[1:], offsets, offsets[1:], strict=False) if old != new]
    return [day + timedelta(hours=hours) for day in changed for hours in (-26, -12, -2, 0)]


TEXTS: Final = [
    "García, Ana; the “first”",
    'The "Best" ^ Western ^^ ^n',
    "O'Brien",
    "Comma, semicolon; colon: back\\slash, \\n and \\N, a trailing \\",
    "王小明 🧑‍🍳👩🏽‍💻",
    "דנה כהן (3) – \u200fمريم",
    "BEGIN:VEVENT",
    "x" * 74,
    "ü" * 200,
    "🎉" * 100,
]
LINES: Final = [
    "Nuts!\nNo nuts\n\n  indented\n\tand a tab\n",
    "\n",
    "END:VEVENT\nBEGIN:VEVENT\nUID:other",
    "one\N{LINE SEPARATOR}two",
    "\\n\n\\N\n\\\\n",
    *TEXTS,
]


def test_texts_come_through_unchanged() -> None:
    events = [replace(SUPPER, summary=text, description=lines, location=lines) for text in TEXTS for lines in LINES]

    wanted = [entry(event) for event in events]
    assert read(events) == (wanted, wanted)


def test_names_come_through_unchanged() -> None:
    """But for a backslash before an n, which Thunderbird takes for a line break even here."""
    names = [text.replace("\\n", "n").replace("\\N", "N") for text in TEXTS]
    events = [
        replace(
            SUPPER, organizer=CalendarUser(name, "kitchen@example.com"), attendee=CalendarUser(name, "ana@example.com")
        )
        for name in names
    ]

    wanted = [entry(event) for event in events]
    assert read(events) == (wanted, wanted)


@pytest.mark.parametrize("character", ["x", "ü", "€", "🎉", "א", ",", "\n"])
def test_texts_of_every_length_come_through_the_folding(character: str) -> None:
    """Wherever a line's 75 octets end: within a character, within what is escaped, at a blank."""
    events = [replace(SUPPER, description="x" * length + character * 40 + " " + character * 40) for length in range(76)]

    wanted = [entry(event) for event in events]
    assert read(events) == (wanted, wanted)


@pytest.mark.parametrize(
    "address",
    [
        "o'brien+tag@example.com",
        "100%&more?#/=@example.com",
        '"a b"@example.com',
        "ana@bücher.example",
        "x{y}|z~`^@example.com",
    ],
)
def test_addresses_come_through_unchanged(address: str) -> None:
    event = replace(SUPPER, organizer=CalendarUser("Kitchen", address), attendee=CalendarUser("Ana", address))

    assert read([event]) == ([entry(event)], [entry(event)])


def test_control_characters_are_dropped_and_line_ends_are_one() -> None:
    event = replace(
        SUPPER,
        summary="a\x00b\x1bc\x7fd\x85e",
        description="one\r\ntwo\rthree\x0bfour",
        attendee=CalendarUser("A\x07", "a@b.c"),
    )

    [[found], [same]] = read([event])

    assert found == same
    assert (found.summary, found.description, found.attendee) == ("abcde", "one\ntwo\nthreefour", ("A", "a@b.c"))


def test_a_name_of_two_lines_is_one_line() -> None:
    event = replace(
        SUPPER,
        summary="Dinner\nfor two",
        attendee=CalendarUser("Ana\nATTENDEE:mailto:eve@example.com", "a@example.com"),
    )

    [[found], [same]] = read([event])

    assert found == same
    assert (found.summary, found.attendee) == (
        "Dinner for two",
        ("Ana ATTENDEE:mailto:eve@example.com", "a@example.com"),
    )


@given(
    text=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=120),
    lines=st.text(
        st.one_of(st.characters(exclude_categories=["Cc", "Cs"]), st.sampled_from('\n\t,;\\"')), max_size=300
    ),
)
def test_any_text_comes_through_unchanged(text: str, lines: str) -> None:
    file = asked(replace(SUPPER, summary=text, description=lines))

    assert faults_of_form(file) == []
    [found] = by_icalendar(file).entries
    assert (found.summary, found.description) == (text, lines)


STEPS: Final = ("move", "cancel", "restore", "confirm")


def after(event: Event, step: str) -> Event:
    """The event after one more change; each is a new SEQUENCE."""
    changed = replace(event, sequence=event.sequence + 1, changed_at=event.changed_at + timedelta(minutes=1))
    if step == "move":
        return replace(
            changed, starts_at=event.starts_at + timedelta(hours=1), ends_at=event.ends_at + timedelta(hours=1)
        )
    status = {"cancel": EventStatus.CANCELLED, "restore": EventStatus.TENTATIVE, "confirm": EventStatus.CONFIRMED}[step]
    return replace(changed, status=status)


@pytest.mark.slow
@given(
    stories=st.lists(st.lists(st.sampled_from(STEPS), max_size=8), min_size=1, max_size=4),
    luck=st.randoms(use_true_random=False),
)
def test_a_calendar_holds_one_entry_for_each_booking_whatever_happened(
    stories: list[list[str]],
    luck: Random,
) -> None:
    """Every change is told, in any order, some twice, some again by a later mail: what stands is each booking's last."""
    files, last = [], {}
    for number, story in enumerate(stories):
        event = replace(SUPPER, uid=f"booking {number}")
        files.append(asked(event))
        for step in story:
            event = after(event, step)
            files.append(asked(event, stamp=event.changed_at))
        last[event.uid] = entry(event)
        files.append(asked(event, stamp=event.changed_at + timedelta(days=1)))
    delivered = [*files, *luck.sample(files, k=luck.randrange(len(files) + 1))]
    luck.shuffle(delivered)

    assert Store().take_all(delivered).entries == last
