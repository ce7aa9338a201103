"""Bookings from iCalendar files: events, their zones and repetitions, and files that are not what they claim."""

from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from bookings.importing import icalendar_source
from bookings.models import Booking
from stations.models import Station
from tests.bookings.importing.commands import counts, import_file, rows_of, write
from tests.factories import open_station

pytestmark = pytest.mark.looks

DAY = date(2031, 3, 7)
SET = ("--set", "station=kitchen")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "in.ics"


def save(file: Path, *events: str, head: str = "") -> Path:
    """A calendar of these events, each its lines parted by “|”."""
    body = "".join(f"BEGIN:VEVENT|{event}|END:VEVENT|" for event in events)
    text = f"BEGIN:VCALENDAR|VERSION:2.0|PRODID:-//Old//EN|{head}{body}END:VCALENDAR|"
    file.write_bytes(text.replace("|", "\r\n").encode())
    return file


def places() -> list[tuple[str, date, time, int]]:
    found = Booking.objects.order_by("date", "slot", "external_ref")
    return list(found.values_list("external_ref", "date", "slot", "slots"))


def test_event_becomes_a_booking(station: Station, file: Path) -> None:
    save(
        file,
        "UID:a1|DTSTART;TZID=Europe/Berlin:20310307T180000|DTEND;TZID=Europe/Berlin:20310307T193000"
        "|SUMMARY:García\\, Ana|DESCRIPTION:By the window\\nif|  possible|STATUS:TENTATIVE|CREATED:20200504T073000Z"
        '|ATTENDEE;CN="Ana García":MAILTO:ana@example.com|X-GUESTS:3',
    )

    done = import_file(
        file,
        *(*SET, "--map", "customer_name=ATTENDEE;CN", "customer_email=ATTENDEE"),
        *("special_requests=DESCRIPTION", "party_adults=x-guests"),
    )

    assert done.summary == counts(created=1)
    assert places() == [("a1", DAY, time(18), 2)]
    made = Booking.objects.select_related("customer").get()
    assert (made.status, made.party_adults, made.special_requests) == ("pending", 3, "By the window\nif possible")
    assert made.customer is not None
    assert (made.customer.name, made.customer.email) == ("Ana García", "ana@example.com")
    assert made.created_at == datetime(2020, 5, 4, 7, 30, tzinfo=UTC)
    assert import_file(file, *SET).summary == counts(unchanged=1)


@pytest.mark.parametrize(
    "start",
    [
        "DTSTART:20310307T180000",
        "DTSTART:20310307T170000Z",
        "DTSTART;TZID=Europe/Berlin:20310307T180000",
        "DTSTART;TZID=Asia/Tokyo:20310308T020000",
        'DTSTART;TZID="W. Europe Standard Time":20310307T180000',
    ],
)
def test_start_is_shown_in_the_stations_time(station: Station, file: Path, start: str) -> None:
    assert import_file(save(file, f"UID:a1|{start}|DURATION:PT2H"), *SET).summary == counts(created=1)
    assert places() == [("a1", DAY, time(18), 2)]


def test_times_may_be_wanted_in_a_format_that_has_a_zone(station: Station, file: Path) -> None:
    save(file, "UID:a1|DTSTART:20310307T170000Z|DTEND:20310307T190000Z")

    assert import_file(file, *SET, "--date-format", "%Y%m%dT%H%M%SZ").summary == counts(created=1)
    assert places() == [("a1", DAY, time(18), 2)]


def test_zone_that_the_file_itself_defines_is_known(station: Station, file: Path) -> None:
    zone = (
        "BEGIN:VTIMEZONE|TZID:House|BEGIN:STANDARD|DTSTART:19700101T000000|TZOFFSETFROM:+0300|TZOFFSETTO:+0300"
        "|END:STANDARD|END:VTIMEZONE|"
    )
    save(file, "UID:a1|DTSTART;TZID=House:20310307T200000", head=zone)

    assert import_file(file, *SET).summary == counts(created=1)
    assert places() == [("a1", DAY, time(18), 1)]


@pytest.mark.parametrize(
    "event",
    [
        "UID:a1|DTSTART;TZID=Mars/Phobos:20310307T180000",
        "UID:a1|DTSTART:20310307 18:00",
        "UID:a1|DTSTART;VALUE=DATE:20310307",
        "UID:a1|SUMMARY:No start",
        "UID:a1|DTSTART:20310307T180000|DTEND:20310307T170000",
        "UID:a1|DTSTART:20310307T180000|DTEND;TZID=Mars/Phobos:20310307T190000",
        "UID:a1|DTSTART:20310307T180000|STATUS:MAYBE",
    ],
)
def test_event_that_cannot_be_placed_is_refused_by_itself(station: Station, file: Path, event: str) -> None:
    save(file, event, "UID:a2|DTSTART:20310307T180000")

    assert import_file(file, *SET).summary == counts(created=1, refused=1)
    assert places() == [("a2", DAY, time(18), 1)]


def test_event_that_repeats_is_a_booking_for_each_of_its_dates(station: Station, file: Path) -> None:
    save(
        file,
        "UID:a1|DTSTART;TZID=Europe/Berlin:20310307T180000|DURATION:PT1H|RRULE:FREQ=WEEKLY;COUNT=5"
        "|EXDATE;TZID=Europe/Berlin:20310314T180000",
        "UID:a1|RECURRENCE-ID;TZID=Europe/Berlin:20310328T180000|DTSTART;TZID=Europe/Berlin:20310329T200000|DURATION:PT2H",
    )

    assert import_file(file, *SET).summary == counts(created=4)
    assert places() == [
        ("a1 20310307T170000Z", DAY, time(18), 1),
        ("a1 20310321T170000Z", date(2031, 3, 21), time(18), 1),
        ("a1 20310328T170000Z", date(2031, 3, 29), time(20), 2),
        ("a1 20310404T160000Z", date(2031, 4, 4), time(18), 1),
    ]
    assert import_file(file, *SET).summary == counts(unchanged=4)


@pytest.mark.parametrize("rule", ["FREQ=WEEKLY", "FREQ=DAILY;COUNT=5000", "FREQ=NEVER"])
def test_event_that_repeats_without_an_end_is_refused(station: Station, file: Path, rule: str) -> None:
    rejects = file.with_name("rejects.csv")
    save(file, f"UID:a1|DTSTART:20310307T180000|RRULE:{rule}", "UID:a2|DTSTART:20310307T190000")

    assert import_file(file, *SET, "--rejects", rejects).summary == counts(created=1, refused=1)
    [row] = rows_of(rejects)
    assert (row["UID"], row["import_line"]) == ("a1", "4")
    assert "RRULE: This event repeats without an end." in row["import_reason"]
    assert import_file(rejects, *SET).summary == counts(refused=1)
    write(rejects, rejects.read_text().replace(rule, "", 1))
    assert import_file(rejects, *SET).summary == counts(created=1)


def test_refused_events_are_a_csv_file_that_goes_in_by_the_same_command(file: Path, db: None) -> None:
    open_station(code="Blue Room", hours=[18], capacity=1)
    rejects = file.with_name("rejects.csv")
    words = ("--map", "station=LOCATION", "customer_name=SUMMARY")
    save(
        file,
        "UID:a1|DTSTART:20310307T170000Z|LOCATION:Blue Room|SUMMARY:Ana",
        "UID:a2|DTSTART:20310307T170000Z|LOCATION:Blue Room|SUMMARY:Bo|STATUS:TENTATIVE",
    )
    assert import_file(file, *words, "--rejects", rejects).summary == counts(created=1, refused=1)

    write(rejects, rejects.read_text().replace("2031-03-07", "2031-03-08"))

    assert import_file(rejects, *words).summary == counts(created=1)
    assert places() == [("a1", DAY, time(18), 1), ("a2", date(2031, 3, 8), time(18), 1)]
    assert Booking.objects.get(external_ref="a2").status == "pending"


def test_event_changed_in_the_calendar_changes_its_booking(station: Station, file: Path) -> None:
    event = "UID:a1|DTSTART:20310307T180000|DTEND:20310307T190000"
    import_file(save(file, event), *SET)

    assert import_file(save(file, event.replace("T19", "T20")), *SET).summary == counts(updated=1)
    assert places() == [("a1", DAY, time(18), 2)]
    assert import_file(save(file, event + "|STATUS:CANCELLED"), *SET).summary == counts(updated=1)
    assert Booking.objects.get().status == "cancelled"


def test_identifier_longer_than_a_reference_is_known_again(station: Station, file: Path) -> None:
    save(file, f"UID:{'0' * 140}|DTSTART:20310307T180000|RRULE:FREQ=WEEKLY;COUNT=2")

    assert import_file(file, *SET).summary == counts(created=2)
    assert import_file(file, *SET).summary == counts(unchanged=2)


def test_what_was_mapped_or_set_comes_before_the_properties(station: Station, file: Path) -> None:
    save(file, "UID:a1|DTSTART:20310307T180000|DTEND:20310307T210000|X-REF:b1")

    assert import_file(file, *SET, "slots=1", "--map", "external_ref=X-REF").summary == counts(created=1)
    assert places() == [("b1", DAY, time(18), 1)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not a complete"),
        (b"station,date,slot\n", "not an iCalendar file"),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a1\r\n", "not a complete"),
        (
            b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n",
            "not a complete",
        ),
        (
            b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a1\r\nnonsense\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
            "on line 2 is not valid",
        ),
        (
            b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:\xfc\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
            "Line 3 is not valid utf-8",
        ),
    ],
)
def test_file_that_is_no_calendar_is_refused(station: Station, file: Path, content: bytes, sentence: str) -> None:
    file.write_bytes(content)
    done = import_file(file, *SET)

    assert (done.status, sentence in done.err) == (2, True)


def test_calendar_that_is_too_large_is_refused(station: Station, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(icalendar_source, "MAX_BYTES", 100)
    done = import_file(save(file, "UID:a1|DTSTART:20310307T180000"), *SET)

    assert (done.status, "too large" in done.err) == (2, True)


def test_columns_of_a_table_that_is_no_calendar_feed_no_field_by_themselves(station: Station, tmp_path: Path) -> None:
    write(tmp_path / "in.csv", "station,date,slot,UID,CREATED\nkitchen,2031-03-07,18:00,a1,yesterday\n")

    assert import_file(tmp_path / "in.csv").summary == counts(created=1)
    assert places() == [("", DAY, time(18), 1)]
