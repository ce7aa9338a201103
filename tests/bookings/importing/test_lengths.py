"""How long an imported booking lasts: by its end or its length, in whole slots of the station's timetable."""

from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from bookings.models import Booking, Hold
from bookings.services.verification import differences
from stations.models import Opening, Station
from tests.bookings.importing.commands import counts, import_file, rows_of, write
from tests.factories import FRIDAY, open_station

START = "room,2031-03-07,10:00"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "in.csv"


@pytest.fixture
def room(db: None) -> Station:
    """Open from 8 to 20 in half-hour slots."""
    station = open_station(code="room", hours=[], time_zone="UTC")
    Opening.objects.bulk_create(
        Opening(station=station, weekday=day, start=time(hour, minute), minutes=30, capacity=1)
        for day in range(7)
        for hour in range(8, 20)
        for minute in (0, 30)
    )
    return station


def reason(file: Path) -> str:
    return rows_of(file)[0]["import_reason"]


@pytest.mark.parametrize(
    ("column", "cell", "slots"),
    [
        ("end", "13:00", 6),
        ("end", "10:01", 1),
        ("end", "12:45", 6),
        ("end", "", 1),
        ("ends_at", "2031-03-07 13:00", 6),
        ("ends_at", "2031-03-07T14:00:00+01:00", 6),
        ("duration_minutes", "180", 6),
        ("duration_minutes", "90.0", 3),
        ("duration_minutes", "1:30", 3),
        ("duration_minutes", "1", 1),
    ],
)
def test_booking_occupies_every_slot_that_it_reaches_into(
    room: Station, file: Path, column: str, cell: str, slots: int
) -> None:
    assert import_file(write(file, f"station,date,slot,{column}\n{START},{cell}\n")).summary == counts(created=1)

    made = Booking.objects.get()
    assert (made.slots, made.ends_at) == (slots, datetime(2031, 3, 7, 10 + slots // 2, slots % 2 * 30, tzinfo=UTC))
    assert Hold.objects.count() == slots
    assert not list(differences())


def test_column_of_dates_and_column_of_times_say_the_end(room: Station, file: Path) -> None:
    write(file, f"station,date,slot,end_date,end\n{START},2031-03-07,11:00\n{START},,11:00\n")

    assert import_file(file).summary == counts(created=1, refused=1)
    assert Booking.objects.get().slots == 2


@pytest.mark.parametrize(
    ("header", "cells", "sentence"),
    [
        ("end", "10:00", "end: The end must be after the start."),
        ("end_date,end", "2031-03-06,13:00", "end: The end must be after the start."),
        ("ends_at", "2031-03-07 09:00", "ends_at: The end must be after the start."),
        ("end_date,end", "2031-03-08,", "end: The end time is missing."),
        ("end", "late", "end: This is not a time in the format HH:MM."),
        ("duration_minutes", "0", "duration_minutes: A booking must last at least one minute."),
        ("end", "20:30", "The slots from 10:00 on Fri 7 Mar 2031 end at 20:00, before the booking does."),
        ("end", "09:00", "before the booking does."),
        ("duration_minutes", "5000", "before the booking does."),
    ],
)
def test_end_that_no_row_of_slots_has_is_refused_with_a_sentence(
    room: Station, file: Path, tmp_path: Path, header: str, cells: str, sentence: str
) -> None:
    rejects = tmp_path / "rejects.csv"
    write(file, f"station,date,slot,{header}\n{START},{cells}\n")

    assert import_file(file, "--rejects", rejects).summary == counts(refused=1)
    assert sentence in reason(rejects)


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("end", "02:00"),
        ("end_date,end", "2031-03-08,02:00"),
        ("ends_at", "2031-03-08 02:00"),
        ("duration_minutes", "240"),
    ],
)
def test_booking_over_midnight_takes_the_slot_that_passes_it(file: Path, db: None, header: str, cells: str) -> None:
    open_station(code="bar", hours=[22], minutes=240, time_zone="UTC")
    write(file, f"station,date,slot,{header}\nbar,2031-03-07,22:00,{cells}\n")

    assert import_file(file).summary == counts(created=1)
    assert Booking.objects.values_list("slots", "ends_at").get() == (1, datetime(2031, 3, 8, 2, tzinfo=UTC))


@pytest.mark.parametrize("end", ["24:00", "00:00"])
def test_booking_until_midnight_ends_with_its_day(file: Path, db: None, end: str) -> None:
    open_station(code="bar", hours=[22, 23])
    write(file, f"station,date,slot,end\nbar,2031-03-07,22:00,{end}\n")

    assert import_file(file).summary == counts(created=1)
    assert Booking.objects.get().slots == 2


def test_length_is_counted_in_slots_of_any_size(file: Path, db: None) -> None:
    station = open_station(code="gym", hours=[9])
    for start, minutes in ((time(10), 30), (time(10, 30), 90), (time(12), 60)):
        Opening.objects.create(station=station, weekday=4, start=start, minutes=minutes, capacity=1)
    write(file, "station,date,slot,end\ngym,2031-03-07,09:00,12:00\n")

    assert import_file(file).summary == counts(created=1)
    assert Booking.objects.get().slots == 3


def test_booking_through_the_hour_that_autumn_repeats_has_the_slots_of_its_clock(file: Path, db: None) -> None:
    open_station(code="night", hours=range(6), time_zone="Europe/Berlin")
    write(file, "station,date,slot,end\nnight,2031-10-26,01:00,04:00\n")

    assert import_file(file).summary == counts(created=1)
    assert Booking.objects.values_list("slots", "ends_at").get() == (3, datetime(2031, 10, 26, 3, tzinfo=UTC))


def test_instant_in_the_second_of_two_hours_is_refused(file: Path, tmp_path: Path, db: None) -> None:
    open_station(code="night", hours=range(6), time_zone="Europe/Berlin")
    write(file, "station,when\nnight,2031-10-26T00:00Z\nnight,2031-10-26T01:00Z\n")

    done = import_file(file, "--map", "date=when", "slot=when", "--rejects", tmp_path / "rejects.csv")

    assert done.summary == counts(created=1, refused=1)
    assert Booking.objects.get().slot == time(2)
    assert "repeated when clocks go back" in reason(tmp_path / "rejects.csv")


def test_same_file_again_changes_nothing_and_a_later_end_lengthens_the_booking(room: Station, file: Path) -> None:
    text = f"external_ref,station,date,slot,end\nA1,{START},11:00\n"
    assert import_file(write(file, text)).summary == counts(created=1)
    assert import_file(file).summary == counts(unchanged=1)

    done = import_file(write(file, text.replace("11:00", "12:00")))

    assert done.summary == counts(updated=1)
    made = Booking.objects.get()
    assert (made.slots, made.holds.count()) == (4, 4)


def test_booking_that_moves_to_longer_slots_takes_fewer(room: Station, file: Path) -> None:
    Opening.objects.filter(weekday=5).delete()
    Opening.objects.create(station=room, weekday=5, start=time(10), minutes=120, capacity=1)
    text = f"external_ref,station,date,slot,duration_minutes\nA1,{START},120\n"
    import_file(write(file, text))

    done = import_file(write(file, text.replace("2031-03-07", "2031-03-08")))

    assert done.summary == counts(updated=1)
    assert Booking.objects.values_list("date", "slots").get() == (date(2031, 3, 8), 1)


def test_change_to_an_end_that_is_taken_is_refused(room: Station, file: Path) -> None:
    text = f"external_ref,station,date,slot,end\nA1,{START},11:00\nA2,room,2031-03-07,11:00,12:00\n"
    import_file(write(file, text))

    done = import_file(write(file, text.replace("10:00,11:00", "10:00,11:30")))

    assert done.summary == counts(unchanged=1, refused=1)
    assert Booking.objects.get(external_ref="A1").slots == 2


@pytest.mark.parametrize(
    ("rows", "starts", "minutes"),
    [
        (["10:00,13:00", "14:00,15:00"], ["10:00", "11:00", "12:00", "13:00", "14:00"], 60),
        (["10:00,12:00", "10:45,11:00"], [f"{h}:{m:02}" for h in (10, 11) for m in (0, 15, 30, 45)], 15),
        (["10:00,10:59", "11:00,11:59"], ["10:00", "11:00"], 60),
        (["20:00,08:00"], ["20:00"], 720),
        (["18:00,24:00"], [f"{h}:00" for h in range(18, 24)], 60),
    ],
)
def test_created_station_has_the_slots_that_starts_and_ends_need(
    file: Path, db: None, rows: list[str], starts: list[str], minutes: int
) -> None:
    write(file, "station,date,slot,end\n" + "".join(f"room,2031-03-07,{row}\n" for row in rows))

    done = import_file(file, "--create-stations", "--set", "capacity=2")

    assert done.summary == counts(created=len(rows))
    made = Opening.objects.filter(weekday=4).order_by("start")
    assert [f"{one.start:%H:%M}" for one in made] == starts
    assert {one.minutes for one in made} == {minutes}


def test_created_station_keeps_to_the_minutes_that_were_set(file: Path, db: None) -> None:
    write(file, "station,date,slot,end\nroom,2031-03-07,10:00,12:15\n")

    assert import_file(file, "--create-stations", "--set", "minutes=60").summary == counts(created=1)
    assert Booking.objects.get().slots == 3
    assert list(Opening.objects.filter(weekday=0).values_list("start", flat=True)) == [time(10), time(11), time(12)]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("slots,end", ()),
        ("ends_at,duration_minutes", ()),
        ("total_due,total_due_cents", ()),
        ("end_date", ()),
        ("end", ("--set", "slots=2", "duration_minutes=30")),
    ],
)
def test_file_that_says_the_same_in_two_ways_is_refused(
    room: Station, file: Path, header: str, words: tuple[str, ...]
) -> None:
    done = import_file(write(file, f"station,date,slot,{header}\n{START}\n"), *words)

    assert done.status == 2
    assert not Booking.objects.exists()


def test_what_was_mapped_comes_before_a_column_that_happens_to_have_a_fields_name(room: Station, file: Path) -> None:
    write(file, f"station,date,slot,slots,End\n{START},1,2031-03-07 11:30\n")

    assert import_file(file, "--map", "ends_at=End").summary == counts(created=1)
    assert Booking.objects.values_list("date", "slots").get() == (FRIDAY, 3)
