"""Which columns feed which fields, and the words that files have for values."""

from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from bookings.models import Booking
from stations.models import Station
from tests.bookings.importing.commands import counts, import_file, rows_of, write
from tests.factories import open_station

ROW = "kitchen,2031-03-07,18:00"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "in.csv"


@pytest.mark.looks
@pytest.mark.parametrize(
    "name", ["Room Name", " room name ", "ROOM NAME", "\ufeffRoom\u00a0Name\u200b", "Ro\u00adom  Name", "Room\tName"]
)
def test_mapped_column_is_found_whatever_its_case_and_blanks(station: Station, file: Path, name: str) -> None:
    write(file, f"x,{name},date,slot\n,{ROW}\n")

    assert import_file(file, "--map", "station=room name").summary == counts(created=1)


def test_column_that_is_written_exactly_so_comes_first(station: Station, file: Path) -> None:
    write(file, f"Station,station,date,slot\nelsewhere,{ROW}\n")

    assert import_file(file).summary == counts(created=1)


def test_two_columns_that_differ_in_case_alone_are_refused(station: Station, file: Path) -> None:
    done = import_file(write(file, f"Station,STATION,date,slot\nkitchen,{ROW}\n"))

    assert (done.status, "Two columns are named “station”" in done.err) == (2, True)


def test_rows_of_empty_cells_are_skipped_and_counted(station: Station, file: Path) -> None:
    write(file, f"station,date,slot\n,,\n{ROW}\n , \u00a0,\u200b\n,,,,,,\n{ROW}\n,,\n")

    assert import_file(file).summary == {**counts(created=2), "skipped": 4}


def test_row_longer_than_the_header_is_refused_even_if_what_is_over_is_empty(station: Station, file: Path) -> None:
    done = import_file(write(file, f"station,date,slot\n{ROW}\n{ROW},\n"))

    assert (done.status, "Line 3 has 4 cells" in done.err) == (2, True)


def test_line_numbers_count_the_separator_line(station: Station, file: Path) -> None:
    done = import_file(write(file, "sep=;\nstation;date;slot\nkitchen;2031-03-07;18:00\nkitchen;2031-03-07;18:00;x\n"))

    assert (done.status, "Line 4 has 4 cells" in done.err) == (2, True)


@pytest.mark.looks
@pytest.mark.parametrize(
    ("first", "mark", "encoding"),
    [
        ("sep=;\n", ";", "utf-8-sig"),
        ("SEP=\t\r\n", "\t", "utf-8"),
        ('"sep=|"\n', "|", "utf-16"),
        ("sep=;\n", ";", "cp1252"),
    ],
)
def test_separator_line_is_known_in_every_encoding_and_spelling(
    station: Station, file: Path, first: str, mark: str, encoding: str
) -> None:
    write(file, first + f"station,date,slot\n{ROW}\n".replace(",", mark), encoding)

    assert import_file(file, "--encoding", encoding.removesuffix("-sig")).summary == counts(created=1)


def test_refused_rows_of_a_file_with_a_separator_line_go_in_by_the_same_command(station: Station, file: Path) -> None:
    rejects = file.with_name("rejects.csv")
    write(file, "sep=;\nstation;date;slot\nkitchen;2031-03-07;03:00\n")
    import_file(file, "--rejects", rejects)

    assert rejects.read_text().startswith("sep=;\nstation;date;slot;import_line;")
    write(rejects, rejects.read_text().replace("03:00", "18:00", 1))
    assert import_file(rejects, "--rejects", file.with_name("again.csv")).summary == counts(created=1)


def test_sum_adds_up_the_numbers_of_columns(station: Station, file: Path) -> None:
    write(
        file,
        f'station,date,slot,Adults,Teens,Price,Tax\n{ROW},2,3.0,"1.000,50","0,50"\n{ROW},2,,5,\n{ROW},,,,\n',
    )

    done = import_file(file, "--sum", "party_adults=Adults+Teens", "total_due=Price+Tax")

    assert done.summary == counts(created=3)
    assert list(Booking.objects.order_by("created_at").values_list("party_adults", "total_due_cents")) == [
        (5, 100100),
        (2, 500),
        (1, 0),
    ]


def test_sum_of_one_empty_column_is_what_an_empty_cell_is(station: Station, file: Path) -> None:
    write(file, f"station,date,slot,Length\n{ROW},\n{ROW},120\n")

    assert import_file(file, "--sum", "duration_minutes=Length").summary == counts(created=2)
    assert sorted(Booking.objects.values_list("slots", flat=True)) == [1, 2]


def test_station_is_known_by_its_code_without_invisible_characters(file: Path, db: None) -> None:
    open_station(code="tokyo", currency="JPY", time_zone="Asia/Tokyo")
    write(file, "station,when,total_due\n\u200btokyo ,2031-03-07T09:00Z,4500\n")

    assert import_file(file, "--map", "date=when", "slot=when").summary == counts(created=1)
    assert Booking.objects.values_list("slot", "total_due_cents").get() == (time(18), 4500)


@pytest.mark.looks
@pytest.mark.parametrize("day", ["1899-12-31", "3000-01-01", "9999-12-31", "0001-01-01"])
def test_date_that_no_calendar_shows_is_refused(station: Station, file: Path, day: str) -> None:
    write(file, f"station,date,slot,end,created_at\nkitchen,{day},18:00,17:00,{day}\n{ROW},19:00,\n")

    assert import_file(file).summary == counts(created=1, refused=1)


@pytest.mark.looks
@pytest.mark.parametrize(
    "words",
    [
        ("--sum", "customer_name=date+slot"),
        ("--sum", "slots=Nowhere+slot"),
        ("--sum", "slots"),
        ("--sum", "slots=date", "--map", "slots=date"),
        ("--sum", "slots=date", "--set", "slots=2"),
        ("--status-map", "Paid=rich"),
        ("--status-map", "Paid"),
        ("--decimal", ";"),
        ("--set", "total_due=a lot"),
        ("--set", "created_at=yesterday"),
    ],
)
def test_command_that_asks_for_what_cannot_be_is_refused(station: Station, file: Path, words: tuple[str, ...]) -> None:
    done = import_file(write(file, f"station,date,slot\n{ROW}\n"), *words)

    assert (done.status, bool(done.err)) == (2, True)
    assert not Booking.objects.exists()


@pytest.mark.looks
@pytest.mark.parametrize(
    ("cell", "status"),
    [
        ("Confirmed", "confirmed"),
        ("CANCELLED", "cancelled"),
        ("No Show", "no_show"),
        ("NO_SHOW", "no_show"),
        ("no-show", "no_show"),
        ("NoShow", "no_show"),
        (" Completed\u00a0", "completed"),
        ("BEZAHLT", "completed"),
        ("nicht  erschienen", "no_show"),
        ("a=b", "pending"),
        ("TRUE", "cancelled"),
        ("", "confirmed"),
    ],
)
def test_status_is_read_in_any_case_and_by_the_files_own_words(
    station: Station, file: Path, cell: str, status: str
) -> None:
    write(file, f"station,date,slot,status\n{ROW},{cell}\n")
    words = ("Bezahlt=Completed", "Nicht erschienen=no show", "a=b=pending", "true=cancelled")

    assert import_file(file, "--status-map", *words).summary == counts(created=1)
    assert Booking.objects.get().status == status


def test_word_that_is_no_status_is_refused_and_says_what_to_do(station: Station, file: Path) -> None:
    rejects = file.with_name("rejects.csv")
    write(file, f"station,date,slot,status\n{ROW},Paid\n")

    assert import_file(file, "--rejects", rejects).summary == counts(refused=1)
    assert "--status-map" in rows_of(rejects)[0]["import_reason"]


@pytest.mark.looks
@pytest.mark.parametrize(("cell", "adults"), [("2", 2), ("2.0", 2), ("2,00", 2), (" 2\u200b", 2), ("02", 2)])
def test_whole_number_may_have_decimals_of_nothing(station: Station, file: Path, cell: str, adults: int) -> None:
    write(file, f'station,date,slot,party_adults\n{ROW},"{cell}"\n')

    assert import_file(file).summary == counts(created=1)
    assert Booking.objects.get().party_adults == adults


@pytest.mark.looks
@pytest.mark.parametrize("cell", ["2.5", "2,000", "two", "-1", "+2", "1e2", "٢"])
def test_what_is_no_whole_number_is_refused(station: Station, file: Path, cell: str) -> None:
    write(file, f'station,date,slot,party_adults\n{ROW},"{cell}"\n')

    assert import_file(file).summary == counts(refused=1)


def test_amounts_are_in_the_currency_of_their_station(file: Path, db: None) -> None:
    open_station(code="tokyo", currency="JPY")
    open_station(code="kuwait", currency="KWD")
    open_station(code="berlin")
    write(
        file,
        "station,total_due,deposit_due\n"
        "tokyo,4500,500\n"
        'tokyo,"¥4,500",\n'
        "kuwait,1.5,0.250\n"
        "berlin,29,4.5\n"
        "berlin,1.234,\n"
        "tokyo,45.50,\n",
    )

    done = import_file(file, "--set", "date=2031-03-07", "slot=18:00")

    assert done.summary == counts(created=4, refused=2)
    made = Booking.objects.order_by("created_at", "pk").values_list(
        "station__code", "total_due_cents", "deposit_due_cents"
    )
    assert sorted(made) == [
        ("berlin", 2900, 450),
        ("kuwait", 1500, 250),
        ("tokyo", 4500, 0),
        ("tokyo", 4500, 500),
    ]


def test_cents_stay_whole_numbers(station: Station, file: Path) -> None:
    write(file, f"station,date,slot,total_due_cents\n{ROW},2950\n{ROW},29.50\n")

    assert import_file(file).summary == counts(created=1, refused=1)
    assert Booking.objects.get().total_due_cents == 2950


def test_created_station_has_amounts_in_the_currency_that_was_set(file: Path, db: None) -> None:
    write(file, "station,date,slot,total_due\nseoul,2031-03-07,18:00,4500\n")

    assert import_file(file, "--create-stations", "--set", "currency=KRW").summary == counts(created=1)
    assert Booking.objects.get().total_due_cents == 4500


@pytest.mark.parametrize(
    ("cell", "hour"),
    [("2020-05-04 09:30", 7), ("2020-05-04T09:30:00Z", 9), ("2020-01-04 09:30", 8)],
)
def test_booking_keeps_the_time_at_which_it_was_made(station: Station, file: Path, cell: str, hour: int) -> None:
    write(file, f"station,date,slot,created_at\n{ROW},{cell}\n")

    assert import_file(file).summary == counts(created=1)
    made = Booking.objects.get()
    assert made.created_at.replace(month=5) == datetime(2020, 5, 4, hour, 30, tzinfo=UTC)
    assert made.updated_at.year > 2020


def test_time_of_making_in_the_future_is_refused(station: Station, file: Path) -> None:
    write(file, f"station,date,slot,created_at\n{ROW},2999-01-01\n{ROW},\n{ROW},1899-01-01\n")

    assert import_file(file).summary == counts(created=1, refused=2)


def test_time_of_making_is_kept_when_a_later_file_says_another(station: Station, file: Path) -> None:
    text = f"external_ref,station,date,slot,created_at\nA1,{ROW},2020-05-04\n"
    import_file(write(file, text))

    assert import_file(write(file, text.replace("2020", "2021"))).summary == counts(unchanged=1)
    assert Booking.objects.get().created_at.year == 2020


def test_new_columns_leave_rows_known_that_were_imported_without_them(station: Station, file: Path) -> None:
    old = "external_ref,station,date,slot,total_due_cents\nA1,kitchen,2031-03-07,18:00,2950\n"
    import_file(write(file, old))
    new = "external_ref,station,date,slot,total_due,created_at\nA1,kitchen,2031-03-07,18:00,29.50,2020-05-04\n"

    assert import_file(write(file, new)).summary == counts(unchanged=1)
    assert Booking.objects.get().slot == time(18)
