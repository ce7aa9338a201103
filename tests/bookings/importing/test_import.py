"""Bookings from another system's file: every row accounted for, nothing doubled, no rule walked around."""

from datetime import date, time
from pathlib import Path

import pytest

from accounts import roles
from accounts.models import AuditEntry, Customer
from bookings import services
from bookings.models import Booking, Hold, ImportedRow
from bookings.services import Place
from bookings.services.verification import differences
from stations.models import Opening, Station
from tests.bookings.importing.commands import counts, import_file, rows_of, write
from tests.factories import FRIDAY, SATURDAY, booking, open_station, person

FULL = (
    "external_ref,station,date,slot,slots,status,customer_name,customer_email,customer_phone,party_adults,party_kids,"
    "special_requests,total_due_cents,deposit_due_cents,source\n"
)
ROW = "A1,kitchen,2031-03-07,18:00,2,pending,Ana García,ana@example.com,030 901820,3,1,By the window,5000,1000,phone\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "in.csv"


def test_import_takes_every_field(station: Station, file: Path) -> None:
    done = import_file(write(file, FULL + ROW))

    assert (done.status, done.summary) == (0, counts(created=1))
    made = Booking.objects.get()
    assert made.customer is not None
    assert (made.station, made.date, made.slot, made.slots, made.status) == (station, FRIDAY, time(18), 2, "pending")
    assert (made.customer.name, made.customer.email, made.customer.phone) == (
        "Ana García",
        "ana@example.com",
        "+4930901820",
    )
    assert (made.party_adults, made.party_kids, made.special_requests, made.source) == (3, 1, "By the window", "phone")
    assert (made.total_due_cents, made.deposit_due_cents, made.external_ref) == (5000, 1000, "A1")
    assert Hold.objects.count() == 2


def test_import_fills_in_what_is_unsaid(station: Station, file: Path) -> None:
    import_file(write(file, "station,date,slot\nkitchen,2031-03-07,18:00\n"))

    made = Booking.objects.get()
    assert (made.slots, made.party_adults, made.status, made.source, made.customer) == (
        1,
        1,
        "confirmed",
        "import",
        None,
    )


def test_import_again_adds_nothing_and_leaves_staffs_edits_alone(station: Station, file: Path) -> None:
    import_file(write(file, FULL + ROW))
    made = Booking.objects.get()
    services.reschedule(made.pk, to=Place(SATURDAY, time(19)), by=roles.OPERATOR)

    again = import_file(file)

    assert again.summary == counts(unchanged=1)
    made.refresh_from_db()
    assert (made.date, made.version) == (SATURDAY, 2)


def test_import_of_a_row_changed_under_its_reference_updates(station: Station, file: Path) -> None:
    import_file(write(file, FULL + ROW))
    changed = ROW.replace("18:00", "19:00").replace("pending", "completed").replace("2031-03-07", "2020-03-06")

    done = import_file(write(file, FULL + changed))

    assert done.summary == counts(updated=1)
    made = Booking.objects.get()
    assert (made.date, made.slot, made.status) == (date(2020, 3, 6), time(19), "completed")
    assert not list(differences())


def test_import_of_a_change_that_no_longer_fits_is_refused(station: Station, file: Path) -> None:
    import_file(write(file, FULL + ROW))
    for _n in range(3):
        booking(station, SATURDAY)

    done = import_file(write(file, FULL + ROW.replace("2031-03-07", "2031-03-08")))

    assert (done.status, done.summary) == (1, counts(refused=1))
    assert Booking.objects.get(external_ref="A1").date == FRIDAY


def test_import_knows_a_booking_that_has_the_reference_already(station: Station, file: Path) -> None:
    booking(station, external_ref="A1")

    done = import_file(write(file, FULL + ROW))

    assert done.summary == counts(updated=1)
    assert Booking.objects.count() == 1


def test_import_keeps_each_of_rows_that_are_truly_alike(station: Station, file: Path) -> None:
    text = "station,date,slot\n" + "kitchen,2031-03-07,18:00\n" * 4

    first, again = import_file(write(file, text)), import_file(file)

    assert (first.summary, again.summary) == (counts(created=3, refused=1), counts(unchanged=3, refused=1))


def test_import_refuses_the_row_that_no_longer_fits_and_says_why(station: Station, file: Path, tmp_path: Path) -> None:
    text = "station,date,slot,party_adults\nkitchen,2031-03-07,18:00,1\nkitchen,2031-03-07,03:00,2\nnowhere,2031-03-07,18:00,1\n"
    rejects = tmp_path / "rejects.csv"

    done = import_file(write(file, text), "--rejects", rejects)

    assert (done.status, done.summary) == (1, counts(created=1, refused=2))
    [off_grid, nowhere] = rows_of(rejects)
    assert (off_grid["slot"], off_grid["party_adults"], off_grid["import_line"]) == ("03:00", "2", "3")
    assert off_grid["import_reason"].startswith("no_such_slot: ")
    assert nowhere["import_reason"].startswith("not_found: ")


def test_file_of_rejects_imports_as_it_is_once_mended(station: Station, file: Path, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"
    import_file(write(file, "station,date,slot\nkitchen,2031-03-07,03:00\n"), "--rejects", rejects)

    done = import_file(write(rejects, rejects.read_text().replace("03:00", "18:00", 1)))

    assert done.summary == counts(created=1)
    assert import_file(rejects).summary == counts(unchanged=1)


def test_import_of_faulty_cells_names_each(station: Station, file: Path, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"
    bad = "B,kitchen,07/03/2031,6pm,0,gone,,,,-1,x,,1.5,9999999999999,\n"

    done = import_file(write(file, FULL + bad), "--rejects", rejects)

    assert done.summary == counts(refused=1)
    said = rows_of(rejects)[0]["import_reason"]
    for name in ("date", "slot", "status", "party_adults", "party_kids", "total_due_cents"):
        assert f"{name}: " in said, name


def test_import_keeps_a_phone_that_is_none_as_written_and_marks_it(station: Station, file: Path) -> None:
    import_file(write(file, FULL + ROW.replace("030 901820", "ask at the door")))

    known = Customer.objects.get()
    assert (known.phone, known.phone_is_valid) == ("ask at the door", False)


def test_mapping_joins_columns_and_splits_a_date_time(station: Station, file: Path) -> None:
    text = "Room;When;First name;Surname\nkitchen;07.03.31 6:00 PM;Ana;García\nkitchen;07.03.31 7:00 PM;;Li\n"

    done = import_file(
        write(file, text, "cp1252"),
        *("--map", "station=Room", "date=When", "slot=When", "--map", "customer_name=First name+Surname"),
        *("--date-format", "%d.%m.%y %I:%M %p", "--time-format", "%d.%m.%y %I:%M %p"),
        *("--encoding", "cp1252", "--delimiter", ";"),
    )

    assert done.summary == counts(created=2)
    assert {customer.name for customer in Customer.objects.all()} == {"Ana García", "Li"}


def test_set_gives_all_rows_a_value(station: Station, file: Path) -> None:
    done = import_file(write(file, "date,slot\n2020-03-07,18:00\n"), "--set", "station=kitchen", "status=completed")

    assert done.summary == counts(created=1)
    assert Booking.objects.get().status == "completed"


def test_create_stations_makes_them_open_over_the_hours_of_their_rows(file: Path, db: None) -> None:
    text = (
        "station,date,slot,slots\nCourt 1,2031-03-07,09:30,2\nCourt 1,2031-03-08,14:00,1\nCourt 1,2031-03-08,10:15,1\n"
    )

    done = import_file(
        write(file, text),
        "--create-stations",
        *("--set", "minutes=30", "capacity=2", "guest_capacity=9", "time_zone=Asia/Kolkata", "country=IN"),
    )

    assert done.summary == counts(created=2, refused=1)
    court = Station.objects.get(code="Court 1")
    assert (court.time_zone, court.country) == ("Asia/Kolkata", "IN")
    starts = Opening.objects.filter(station=court, weekday=4).order_by("start").values_list("start", flat=True)
    assert (len(starts), starts[0], starts[len(starts) - 1]) == (10, time(9, 30), time(14))
    assert set(Opening.objects.values_list("minutes", "capacity", "guest_capacity")) == {(30, 2, 9)}


def test_dry_run_says_the_same_and_writes_nothing(file: Path, db: None) -> None:
    text = "station,date,slot\nCourt,2031-03-07,09:30\nCourt,2031-03-07,09:30\n"

    done = import_file(write(file, text), "--create-stations", "--dry-run")

    assert done.summary == counts(created=1, refused=1)
    assert not Station.objects.exists()
    assert not ImportedRow.objects.exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"station,date,slot\nkitchen,2031-03-07,18:00\nkitchen,2031-03-07,18:00,x\n", "Line 3 has 4 cells"),
        (b'station,date,slot\nkitchen,"2031-03-07"x,18:00\n', "row that starts on line 2 has invalid quotes"),
        (b'station,date,slot\nkitchen,"2031-03-07,18:00\n', "has invalid quotes"),
        (b"station,date,slot\nkitchen,2031-03-07,18:00\nk\xfcche,2031-03-07,18:00\n", "Line 3 is not valid utf-8"),
        (b"", "empty"),
        (b"station,date,slot,slot\n", "slot"),
        (b"station,date\nkitchen,2031-03-07\n", "slot"),
    ],
)
def test_file_that_is_not_what_it_claims_is_refused_before_anything_is_written(
    station: Station, file: Path, content: bytes, sentence: str
) -> None:
    file.write_bytes(content)

    done = import_file(file)

    assert done.status == 2
    assert sentence in done.err
    assert not Booking.objects.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--map", "slot=Nowhere"),
        ("--map", "colour=slot"),
        ("--map", "slot"),
        ("--set", "minutes=x", "--create-stations"),
        ("--set", "time_zone=Mars", "--create-stations"),
        ("--encoding", "klingon"),
        ("--delimiter", "abc"),
        ("--as", "nobody@example.com"),
        ("--map", "date=date", "date=slot"),
        ("--map", "date=date", "--set", "date=2031-03-07"),
        ("--set", "slots=two"),
        ("--set", "status=asleep"),
        ("--date-format", "%Y"),
        ("--time-format", "%H"),
    ],
)
def test_command_that_asks_for_what_is_not_there_is_refused(
    station: Station, file: Path, words: tuple[str, ...]
) -> None:
    done = import_file(write(file, "station,date,slot\nkitchen,2031-03-07,18:00\n"), *words)

    assert done.status == 2
    assert done.err
    assert not Booking.objects.exists()


def test_missing_file_is_refused_with_a_sentence(db: None, tmp_path: Path) -> None:
    done = import_file(tmp_path / "nothing.csv")

    assert done.status == 2
    assert "nothing.csv" in done.err


def test_import_as_somebody_keeps_to_their_rights_and_stations(station: Station, file: Path) -> None:
    manager, other = person(roles.MANAGERS, station), open_station(code="elsewhere")
    text = "station,date,slot\nkitchen,2031-03-07,18:00\nelsewhere,2031-03-07,18:00\n"

    done = import_file(write(file, text), "--as", manager.email)

    assert done.summary == counts(created=1, refused=1)
    assert not Booking.objects.filter(station=other).exists()
    entry = AuditEntry.objects.get(event="created")
    assert (entry.actor, entry.channel) == (manager, "import")
    assert import_file(file, "--as", person(roles.STAFF, station).email).status == 2


def test_bom_blank_lines_and_line_breaks_in_cells_are_understood(station: Station, file: Path) -> None:
    text = '\ufeffstation,date,slot,special_requests\r\n\r\nkitchen,2031-03-07,18:00,"one\ntwo"\r\n\r\n'

    assert import_file(write(file, text)).summary == counts(created=1)
    assert Booking.objects.get().special_requests == "one\ntwo"


@pytest.mark.parametrize(
    ("cell", "words", "sentence"),
    [
        ("07.03.31", (), "not a date in the format YYYY-MM-DD"),
        ("2031-03-07", ("--date-format", "%d.%m.%Y"), "not a date in the format %d.%m.%Y"),
        ("2031-02-30", (), "day is out of range"),
    ],
)
def test_date_that_is_written_otherwise_is_refused_with_the_format(
    station: Station, file: Path, tmp_path: Path, cell: str, words: tuple[str, ...], sentence: str
) -> None:
    write(file, f"station,date,slot\nkitchen,{cell},18:00\n")

    done = import_file(file, *words, "--rejects", tmp_path / "refused.csv")

    assert done.summary == counts(refused=1)
    assert sentence in rows_of(tmp_path / "refused.csv")[0]["import_reason"]


@pytest.mark.parametrize(
    ("cell", "words", "sentence"),
    [
        ("6 pm", (), "not a time in the format HH:MM"),
        ("18:00", ("--time-format", "%I:%M %p"), "not a time in the format %I:%M %p"),
        ("18:00:30", ("--time-format", "%H:%M:%S"), "whole minute"),
    ],
)
def test_time_that_is_written_otherwise_is_refused_with_the_format(
    station: Station, file: Path, tmp_path: Path, cell: str, words: tuple[str, ...], sentence: str
) -> None:
    write(file, f"station,date,slot\nkitchen,2031-03-07,{cell}\n")

    done = import_file(file, *words, "--rejects", tmp_path / "refused.csv")

    assert done.summary == counts(refused=1)
    assert sentence in rows_of(tmp_path / "refused.csv")[0]["import_reason"]


def test_one_column_of_date_and_time_is_read_by_either_format_or_by_both(station: Station, file: Path) -> None:
    write(file, "station,when\nkitchen,07.03.2031 at 18.00\n")
    both = ("--map", "date=when", "slot=when")

    assert import_file(file, *both, "--date-format", "%d.%m.%Y at %H.%M").summary == counts(created=1)
    assert import_file(file, *both, "--date-format", "%d.%m.%Y at", "--time-format", "%H.%M").summary == counts(
        unchanged=1
    )


def test_file_whose_cells_no_comma_parts_says_what_to_do(station: Station, file: Path) -> None:
    done = import_file(write(file, "station;date;slot\nkitchen;2031-03-07;18:00\n"))

    assert done.status == 2
    assert "--delimiter" in done.err


def test_station_left_empty_is_refused(station: Station, file: Path, tmp_path: Path) -> None:
    write(file, "station,date,slot\n ,2031-03-07,18:00\n")

    assert import_file(file, "--rejects", tmp_path / "refused.csv").summary == counts(refused=1)
    assert "The station is missing." in rows_of(tmp_path / "refused.csv")[0]["import_reason"]
