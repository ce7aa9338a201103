"""A file that is imported again after somebody in it was erased."""

from pathlib import Path

from accounts import roles
from accounts.models import Customer
from bookings.importing import identity
from bookings.models import Booking, ImportedRow
from bookings.privacy import erasure
from stations.models import Station
from tests.bookings.importing.commands import import_file, write

HEADER = "external_ref,station,date,slot,customer_name,customer_email,special_requests,party_adults"
ROWS = (
    "A1,kitchen,2021-03-05,18:00,Quillon Xanthe,quillon@example.com,Zebra,2",
    ",kitchen,2021-03-05,19:00,Quillon Xanthe,quillon@example.com,Zebra,2",
)


def a_file(folder: Path, *rows: str) -> Path:
    return write(folder / "in.csv", "\n".join([HEADER, *rows]))


def erase_everybody() -> None:
    for customer in Customer.objects.all():
        erasure.erase(customer.pk, by=roles.OPERATOR)


def named() -> list[str]:
    return [customer.name for customer in Customer.objects.all()]


def test_same_file_again_brings_nobody_back(station: Station, tmp_path: Path) -> None:
    import_file(a_file(tmp_path, *ROWS))
    erase_everybody()

    again = import_file(a_file(tmp_path, *ROWS))

    assert again.summary == {"rows": 2, "created": 0, "updated": 0, "unchanged": 2, "refused": 0}
    assert named() == [""]


def test_row_that_changed_changes_the_booking_and_not_whose_it_was(station: Station, tmp_path: Path) -> None:
    import_file(a_file(tmp_path, *ROWS))
    erase_everybody()

    changed = "A1,kitchen,2021-03-05,18:00,Quillon X. Xanthe,quillon@example.com,Giraffe,3"
    again = import_file(a_file(tmp_path, changed))

    assert again.summary["updated"] == 1
    made = Booking.objects.get(external_ref="A1")
    assert (made.party_adults, made.special_requests, named()) == (3, None, [""])


def test_reference_that_was_never_imported_brings_nobody_back(station: Station, tmp_path: Path) -> None:
    import_file(a_file(tmp_path, *ROWS))
    ImportedRow.objects.all().delete()
    erase_everybody()

    import_file(a_file(tmp_path, ROWS[0]))

    assert (named(), Booking.objects.get(external_ref="A1").special_requests) == ([""], None)


def test_what_a_row_said_of_them_is_not_remembered(station: Station, tmp_path: Path) -> None:
    import_file(a_file(tmp_path, *ROWS))
    erase_everybody()
    import_file(a_file(tmp_path, *ROWS))

    for row in ImportedRow.objects.all():
        _key, found = identity._decode(row.content)
        assert {name for name, digest in found.items() if digest == identity.ERASED} == {
            identity.name_tag("customer_name"),
            identity.name_tag("customer_email"),
            identity.name_tag("customer_phone"),
            identity.name_tag("special_requests"),
        }
