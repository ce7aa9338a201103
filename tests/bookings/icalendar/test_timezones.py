"""A zone's clock in a calendar file, compared with zoneinfo wherever it is moved."""

import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo, available_timezones

import pytest
from dateutil.tz import tzical  # type: ignore[import-untyped]

from bookings.icalendar.timezones import CalendarTimezone

SIX = ("Pacific/Auckland", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "UTC")
ODD = ("Europe/Dublin", "America/Havana", "Asia/Beirut", "Asia/Kathmandu", "Pacific/Chatham", "America/Asuncion")
NOW = datetime(2031, 3, 1, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def moves(name: str, first: int, last: int) -> list[datetime]:
    """The hours within which the clock is moved in these years, and the second after each."""
    zone, begin = ZoneInfo(name), datetime(first, 1, 1, tzinfo=UTC)
    hours = (begin + HOUR * count for count in range(((last - first + 1) * 366) * 24))
    return [
        hour + HOUR for hour in hours if hour.astimezone(zone).utcoffset() != (hour + HOUR).astimezone(zone).utcoffset()
    ]


def around(moments: list[datetime]) -> list[datetime]:
    return [moment + shift for moment in moments for shift in (-HOUR, -HOUR / 2, -SECOND, timedelta(), SECOND, HOUR)]


@pytest.mark.parametrize("name", [*SIX[:5], *ODD])
def test_vtimezone_says_what_zoneinfo_says_at_every_move_of_the_clock(name: str) -> None:
    read = tzical(StringIO("\n".join(CalendarTimezone.of(name, NOW).vtimezone))).get(name)
    seasons = [datetime(year, month, 1, 12, tzinfo=UTC) for year in (2031, 2033, 2060) for month in range(1, 13)]
    moments = [*seasons, *around(moves(name, 2031, 2036)), *around(moves(name, 2058, 2059))]

    told = {moment: moment.astimezone(read).utcoffset() for moment in moments}

    assert told == {moment: moment.astimezone(ZoneInfo(name)).utcoffset() for moment in moments}


def test_vtimezone_begins_summer_when_winters_clock_says_so() -> None:
    assert CalendarTimezone.of("Europe/Berlin", NOW).vtimezone == (
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
    )


def test_vtimezone_of_a_clock_that_nobody_moves_has_no_rule() -> None:
    assert CalendarTimezone.of("Asia/Kolkata", NOW).vtimezone == (
        "BEGIN:VTIMEZONE",
        "TZID:Asia/Kolkata",
        "BEGIN:STANDARD",
        "DTSTART:20300101T000000",
        "TZNAME:IST",
        "TZOFFSETFROM:+0530",
        "TZOFFSETTO:+0530",
        "END:STANDARD",
        "END:VTIMEZONE",
    )


@pytest.mark.slow
def test_vtimezone_holds_only_what_outlook_reads() -> None:
    """Of a clock that is moved, one summer and one winter, each by a rule of one weekday; of another, one offset."""
    rule = re.compile(r"RRULE:FREQ=YEARLY;BYMONTH=\d+;BYDAY=(?:-1|[1-4])(?:MO|TU|WE|TH|FR|SA|SU)\n")
    found = {name: "\n".join(CalendarTimezone.of(name, NOW).vtimezone) for name in available_timezones()}

    shapes = {
        (*sorted(re.findall(r"BEGIN:(STANDARD|DAYLIGHT)", text)), len(rule.findall(text)), text.count("RRULE:"))
        for text in found.values()
    }

    assert shapes == {("DAYLIGHT", "STANDARD", 2, 2), ("STANDARD", 0, 0), (0, 0)}
    assert [name for name, text in found.items() if "RDATE" in text] == []


@pytest.mark.parametrize(
    ("name", "since", "why"),
    [
        ("UTC", NOW, "is UTC"),
        ("Atlantic/Reykjavik", NOW, "is as UTC all year"),
        ("America/Sao_Paulo", datetime(2018, 6, 1, tzinfo=UTC), "stopped the next year"),
        ("America/New_York", datetime(2006, 6, 1, tzinfo=UTC), "had new rules the next year"),
        ("Africa/Casablanca", datetime(2024, 6, 1, tzinfo=UTC), "stops for Ramadan"),
        ("Asia/Jerusalem", datetime(2024, 6, 1, tzinfo=UTC), "begins on the Friday before the last Sunday"),
    ],
)
def test_clock_without_yearly_rules_is_shown_in_utc(name: str, since: datetime, why: str) -> None:
    clock = CalendarTimezone.of(name, since)

    assert (clock.vtimezone, clock.format_instant(since)) == ((), f":{since:%Y%m%dT%H%M%SZ}"), why


def test_offsets_of_long_ago_have_seconds() -> None:
    """Monrovia kept its own time until 1972."""
    vtimezone = CalendarTimezone.of("Africa/Monrovia", datetime(1930, 6, 1, tzinfo=UTC)).vtimezone

    assert "TZOFFSETTO:-004430" in vtimezone


def test_clock_tells_in_utc_what_autumn_has_twice() -> None:
    clock = CalendarTimezone.of("Australia/Lord_Howe", NOW)
    first = datetime(2031, 4, 5, 14, 30, tzinfo=UTC)
    minutes = range(-1, 62)

    told = [clock.format_instant(first + timedelta(minutes=minute)) for minute in minutes]

    assert [one.endswith("Z") for one in told] == [0 <= minute < 60 for minute in minutes]
    assert (told[0], told[1]) == (";TZID=Australia/Lord_Howe:20310406T012900", ":20310405T143000Z")
