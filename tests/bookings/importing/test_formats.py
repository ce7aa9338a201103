"""Dates and times by the formats that were named, and by ISO 8601 where none was."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings.importing.formats import END_OF_DAY, Formats
from bookings.importing.source import FileRefused

EAST = timezone(timedelta(hours=2))
MORNING = datetime(2031, 5, 30, 10, 30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2031-05-30 10:30", MORNING),
        (" 2031-05-30T10:30:00\N{ZERO WIDTH SPACE}", MORNING),
        ("2031-05-30T10:30Z", MORNING.replace(tzinfo=UTC)),
        ("2031-05-30T10:30:00+0200", MORNING.replace(tzinfo=EAST)),
        ("2031-05-30 10:30:00+02", MORNING.replace(tzinfo=EAST)),
    ],
)
def test_moment_is_iso_8601_where_no_format_is_named(text: str, expected: datetime) -> None:
    assert Formats().read_datetime(text) == expected


@pytest.mark.parametrize(
    ("text", "format_", "expected"),
    [
        ("30.05.2031 10:30", "%d.%m.%Y %H:%M", MORNING),
        ("2031-05-30T10:30:00+0200", "%Y-%m-%dT%H:%M:%S%z", MORNING.replace(tzinfo=EAST)),
        ("2031-05-30 10:30:00+02", "%Y-%m-%d %H:%M:%S%z", MORNING.replace(tzinfo=EAST)),
        ("2031-05-30T10:30:00Z", "%Y-%m-%dT%H:%M:%S%z", MORNING.replace(tzinfo=UTC)),
        ("2031-05-30T10:30:00Z", "%Y-%m-%dT%H:%M:%SZ", MORNING.replace(tzinfo=UTC)),
        ("05/30/2031 10:30 UTC", "%m/%d/%Y %H:%M UTC", MORNING.replace(tzinfo=UTC)),
        ("30.05.2031 10:30 MEZ", "%d.%m.%Y %H:%M MEZ", MORNING),
    ],
)
def test_moment_has_a_zone_where_its_format_has_one(text: str, format_: str, expected: datetime) -> None:
    found = Formats(format_).read_datetime(text)

    assert (found, found.tzinfo is None) == (expected, expected.tzinfo is None)


@pytest.mark.parametrize(
    ("formats", "text"),
    [
        (Formats(), "2031-05-30"),
        (Formats(), "2031-05-30 00:00:00"),
        (Formats("%d.%m.%Y"), "30.05.2031"),
        (Formats("%d.%m.%Y"), "30.05.2031 00:00"),
    ],
)
def test_date_may_have_a_midnight_behind_it(formats: Formats, text: str) -> None:
    assert formats.read_date(text) == date(2031, 5, 30)


@pytest.mark.parametrize(
    ("formats", "text"),
    [
        (Formats(), "30.05.2031"),
        (Formats(), "2031-05-30 10:30"),
        (Formats(), "2031-05-30T00:00:00Z"),
        (Formats("%d.%m.%Y"), "2031-05-30"),
        (Formats("%d.%m.%Y"), "30.05.2031 10:30"),
    ],
)
def test_date_that_is_written_in_another_way_is_never_guessed(formats: Formats, text: str) -> None:
    with pytest.raises(ValueError, match="not a date in the format"):
        formats.read_date(text)


@pytest.mark.parametrize("text", ["24:00", "24:00:00", " 24:00 "])
def test_end_of_a_day_is_24_o_clock(text: str) -> None:
    assert Formats("", "%H:%M").read_end_time(text) == END_OF_DAY


@pytest.mark.parametrize("text", ["2031-05-30 10:30", "2031-05-30"])
def test_timestamp_may_be_a_date_alone(text: str) -> None:
    assert Formats().read_timestamp(text).date() == date(2031, 5, 30)


@pytest.mark.parametrize("formats", [Formats("%Y"), Formats("", "%I:%M"), Formats("%d.%m.%Y %H:%M %Z"), Formats("%")])
def test_format_that_determines_nothing_is_refused(formats: Formats) -> None:
    with pytest.raises(FileRefused):
        formats.require_complete()


@pytest.mark.parametrize("format_", ["%Y-%m-%dT%H:%M:%S%z", "%d.%m.%Y %H:%M:%SZ", "%d.%m.%y"])
def test_format_with_a_zone_is_a_whole_date(format_: str) -> None:
    Formats(format_).require_complete()


FORMATS = [
    Formats(),
    Formats("%d.%m.%Y"),
    Formats("%d.%m.%Y", "%I:%M %p"),
    Formats("%d.%m.%Y %H:%M"),
    Formats("%Y-%m-%dT%H:%M:%S%z"),
    Formats("%Y-%m-%dT%H:%M:%SZ"),
]
MINUTES = st.datetimes(datetime(1900, 1, 1), datetime(2999, 1, 1)).map(lambda it: it.replace(second=0, microsecond=0))


@given(st.sampled_from(FORMATS[:4]), MINUTES)
def test_what_is_written_is_read_back(formats: Formats, moment: datetime) -> None:
    assert formats.read_datetime(formats.write(moment)) == moment
    assert formats.read_date(formats.write(moment.date())) == moment.date()
    assert formats.read_time(formats.write(moment.time())) == moment.time()


@given(st.sampled_from([FORMATS[0], *FORMATS[4:]]), MINUTES, st.sampled_from([UTC, EAST]))
def test_instant_that_is_written_is_read_back(formats: Formats, moment: datetime, zone: timezone) -> None:
    aware = moment.replace(tzinfo=zone)

    assert formats.read_datetime(formats.write(aware)) == aware


def test_instant_is_not_written_in_a_format_that_loses_its_zone() -> None:
    formats = Formats("%d.%m.%Y %H:%M")

    with pytest.raises(ValueError, match="not a date and time"):
        formats.read_datetime(formats.write(MORNING.replace(tzinfo=UTC)))


def test_length_is_written_in_hours_and_minutes() -> None:
    assert Formats().write(timedelta(hours=25, minutes=30)) == "25:30"


def value_or_sentence(read: Callable[[str], date | time], text: str) -> date | time | str:
    try:
        return read(text)
    except ValueError as refusal:
        return str(refusal)


@given(st.text(max_size=30), st.sampled_from(FORMATS))
def test_any_text_is_read_or_refused_with_a_sentence(text: str, formats: Formats) -> None:
    readers = (formats.read_date, formats.read_time, formats.read_datetime)

    assert "" not in [value_or_sentence(read, text) for read in readers]
