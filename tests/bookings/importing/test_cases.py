"""Files as other systems and spreadsheets write them, each of which was once imported wrongly or not at all."""

from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from accounts.models import Customer
from bookings.models import Booking
from stations.models import Opening, Station
from tests.bookings.importing.commands import counts, import_file, rows_of, write
from tests.factories import open_station

DAY = date(2031, 2, 1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "in.csv"


@pytest.fixture
def room(db: None) -> Station:
    return open_station(code="r1", hours=range(9, 14), capacity=2, currency="USD")


def test_booking_takes_all_slots_until_its_end(file: Path, db: None) -> None:
    write(
        file,
        "Subject,Start Date,Start Time,End Date,End Time,Location\n"
        "Table for Ana,05/30/2031,10:00 AM,05/30/2031,1:00 PM,Kitchen\n"
        "Lunch Bo,05/30/2031,12:30 PM,05/30/2031,2:00 PM,Kitchen\n",
    )

    done = import_file(
        file,
        *("--map", "station=Location", "customer_name=Subject", "date=Start Date", "slot=Start Time"),
        *("--map", "end_date=End Date", "end=End Time", "--date-format", "%m/%d/%Y", "--time-format", "%I:%M %p"),
        *("--create-stations", "--rejects", file.with_name("rejects.csv")),
    )

    assert done.summary == counts(created=1, refused=1)
    made = Booking.objects.get()
    assert (made.customer and made.customer.name, made.slot, made.slots) == ("Table for Ana", time(10), 6)
    assert (made.starts_at, made.ends_at) == (
        datetime(2031, 5, 30, 10, tzinfo=UTC),
        datetime(2031, 5, 30, 13, tzinfo=UTC),
    )
    assert rows_of(file.with_name("rejects.csv"))[0]["import_reason"].startswith("slot_full: ")
    assert set(Opening.objects.values_list("minutes", flat=True)) == {30}


@pytest.mark.parametrize(
    "words",
    [
        ("--date-format", "%Y-%m-%dT%H:%M:%S%z"),
        ("--date-format", "%Y-%m-%dT%H:%M:%S%z", "--time-format", "%Y-%m-%dT%H:%M:%S%z"),
        (),
    ],
)
def test_time_with_an_offset_is_an_instant(file: Path, db: None, words: tuple[str, ...]) -> None:
    write(
        file,
        "external_ref,station,when,party_adults\n"
        "u1,berlin,2031-07-01T18:30:00+0000,2\n"
        "u2,berlin,2031-07-01T18:30:00+02:00,2\n"
        "u3,berlin,2031-07-01T18:30:00Z,2\n"
        "u4,berlin,2031-07-01T23:30:00-05:00,2\n",
    )

    done = import_file(
        file,
        *(
            "--map",
            "date=when",
            "slot=when",
            "--create-stations",
            "--set",
            "time_zone=Europe/Berlin",
            "capacity=2",
            *words,
        ),
    )

    assert done.summary == counts(created=4)
    first = date(2031, 7, 1)
    assert list(Booking.objects.order_by("external_ref").values_list("external_ref", "date", "slot")) == [
        ("u1", first, time(20, 30)),
        ("u2", first, time(18, 30)),
        ("u3", first, time(20, 30)),
        ("u4", date(2031, 7, 2), time(6, 30)),
    ]


def test_values_of_old_systems_are_read_as_they_are_meant(room: Station, file: Path) -> None:
    write(
        file,
        "external_ref,station,date,slot,total,status,party,customer_name,customer_email\n"
        "m1,r1,2031-02-01,10:00,90.50,Confirmed,2.0,A,n/a\n"
        'm2,r1,2031-02-01,10:00,"45,00",CANCELLED,2,B,b@example.com\n'
        "m3,r1,2031-02-01,11:00,$45,No Show,2,C,-\n"
        "m4,r1,2031-02-01,11:00,29,no-show,2,D,d@example.com; d2@example.com\n",
    )

    done = import_file(file, "--map", "total_due=total", "party_adults=party", "--decimal", ".")

    assert done.summary == counts(created=4)
    found = Booking.objects.order_by("external_ref").select_related("customer")
    assert [(one.total_due_cents, one.status, one.party_adults) for one in found] == [
        (9050, "confirmed", 2),
        (4500, "cancelled", 2),
        (4500, "no_show", 2),
        (2900, "no_show", 2),
    ]
    assert [(one.customer.email, one.customer.email_is_valid) for one in found if one.customer] == [
        ("n/a", False),
        ("b@example.com", True),
        ("-", False),
        ("d@example.com; d2@example.com", False),
    ]


def test_separator_line_of_excel_sets_the_delimiter(file: Path, db: None) -> None:
    open_station(code="küche", hours=[10])
    write(file, "sep=;\nstation;date;slot;customer_name\nküche;2031-01-02;10:00;José\n;;;\n")

    done = import_file(file)

    assert done.summary == {**counts(created=1), "skipped": 1}
    assert Booking.objects.get().customer == Customer.objects.get(station__code="küche")


def test_blanks_case_and_invisible_marks_of_a_header_do_not_count(room: Station, file: Path) -> None:
    write(file, "station , date , Slot ,\u200bParty_Adults\u00a0\nr1,2031-02-01,10:00,2\n")

    assert import_file(file).summary == counts(created=1)
    assert Booking.objects.values_list("date", "slot", "party_adults").get() == (DAY, time(10), 2)


def test_cells_missing_at_a_rows_end_are_empty(room: Station, file: Path) -> None:
    write(
        file,
        "station,date,slot,party_adults,special_requests,source\nr1,2031-02-01,10:00,2\nr1,2031-02-01,11:00,2,window\n",
    )

    assert import_file(file).summary == counts(created=2)
    assert list(Booking.objects.order_by("slot").values_list("special_requests", "source")) == [
        (None, ""),
        ("window", ""),
    ]
