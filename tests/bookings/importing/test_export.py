"""What comes out goes in elsewhere, for those who may, and runs in no spreadsheet."""

from datetime import time
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission

from accounts import roles
from accounts.customers import Contact
from accounts.models import Customer
from bookings.models import Booking, Hold, ImportedRow
from bookings.models.status import Status
from stations.models import Station
from tests.bookings.importing.commands import counts, import_file, rows_of, run
from tests.factories import SATURDAY, booking, open_station, person


def everything() -> list[tuple[object, ...]]:
    """All that an export says of each booking."""
    return [
        (
            made.external_ref,
            made.date,
            made.slot,
            made.slots,
            made.status,
            made.customer and (made.customer.name, made.customer.email, made.customer.phone),
            made.party_adults,
            made.party_kids,
            made.special_requests,
            made.total_due_cents,
            made.deposit_due_cents,
            made.source,
        )
        for made in Booking.objects.order_by("external_ref").select_related("customer")
    ]


def test_export_imports_again_as_it_was(station: Station, tmp_path: Path) -> None:
    wishes = ["=1+1", "'quoted", "'=both", "@home", "-", "+x", "two\nlines", 'say "hi", please', "\ttab"]
    for number, text in enumerate(wishes):
        booking(
            station,
            slot=time(17 + number % 4),
            customer=Contact("=Ana García", f"ana{number}@example.com", "+4930901820"),
            special_requests=text,
            total_due_cents=500,
            deposit_due_cents=100,
            external_ref=f"R{number}",
        )
    booking(station, SATURDAY, slots=2, party_kids=3, status=Status.CANCELLED)
    before, out = everything(), tmp_path / "out.csv"
    run("export_bookings", "--out", out)
    for table in (ImportedRow, Hold, Booking):
        table.objects.all().delete()

    done = import_file(out)

    assert done.summary == counts(created=len(wishes) + 1)
    assert everything() == before


def test_export_defuses_cells_that_a_spreadsheet_would_run(station: Station, tmp_path: Path) -> None:
    booking(station, customer=Contact("=HYPERLINK(1)", "ana@example.com"), special_requests="@SUM(A1)")
    out = tmp_path / "out.csv"

    run("export_bookings", "--out", out)

    [row] = rows_of(out)
    assert (row["customer_name"], row["special_requests"]) == ("'=HYPERLINK(1)", "'@SUM(A1)")


def test_export_without_the_right_to_personal_data_holds_initials(station: Station, tmp_path: Path) -> None:
    group = Group.objects.create(name="Counters")
    group.permissions.add(
        Permission.objects.get(codename="export_bookings"), Permission.objects.get(codename="view_bookings")
    )
    booking(station, customer=Contact("Ana García", "ana@example.com", "+4930901820"), special_requests="Nuts!")
    out = tmp_path / "out.csv"

    run("export_bookings", "--out", out, "--as", person("Counters", station).email)

    [row] = rows_of(out)
    assert (row["customer_name"], row["customer_email"], row["customer_phone"], row["special_requests"]) == (
        "A. G.",
        "",
        "",
        "",
    )


def test_export_holds_the_persons_own_stations(station: Station, tmp_path: Path) -> None:
    booking(station)
    booking(open_station(code="elsewhere"))
    out, manager = tmp_path / "out.csv", person(roles.MANAGERS, station)

    run("export_bookings", "--out", out, "--as", manager.email)

    assert [row["station"] for row in rows_of(out)] == ["kitchen"]
    assert run("export_bookings", "--station", "elsewhere", "--as", manager.email).status != 0


@pytest.mark.parametrize("group", [roles.VIEWERS, roles.STAFF])
def test_export_takes_the_right(station: Station, group: str) -> None:
    done = run("export_bookings", "--as", person(group, station).email)

    assert done.status != 0
    assert done.out == ""


def test_export_takes_a_range_of_dates(station: Station, tmp_path: Path) -> None:
    booking(station)
    booking(station, SATURDAY)
    out = tmp_path / "out.csv"

    run("export_bookings", "--from", "2031-03-08", "--to", "2031-03-09", "--out", out)

    assert [row["date"] for row in rows_of(out)] == ["2031-03-08"]
    assert Customer.objects.count() == 0
