"""manage.py erasures, as it is run on the command line."""

from pathlib import Path
from uuid import uuid4

import pytest

from accounts import roles
from accounts.customers import Contact
from accounts.models import Customer
from stations.models import Station
from tests.bookings.importing.commands import run
from tests.factories import booking, customer, person


def test_erase_by_the_operator_and_in_somebodys_name(station: Station) -> None:
    first, second = customer(station), customer(station, "Bo Li", "bo@example.com")
    person(roles.STAFF, station, email="sam@example.com")
    person(roles.MANAGERS, station, email="max@example.com")

    done = [
        run("erasures", "erase", first.pk),
        run("erasures", "erase", second.pk, "--as", "sam@example.com"),
        run("erasures", "erase", second.pk, "--as", "max@example.com"),
        run("erasures", "erase", uuid4()),
    ]

    assert [(one.status, one.out.strip(), one.err) for one in done] == [
        (0, f"Customer {str(first.pk)[:8]} is erased.", ""),
        (1, "", "You don't have permission to do this. Ask a manager."),
        (0, f"Customer {str(second.pk)[:8]} is erased.", ""),
        (1, "", "Not found."),
    ]
    assert Customer.objects.kept().count() == 0


def test_erase_of_somebody_expected_says_what_to_do(station: Station) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))

    done = run("erasures", "erase", made.customer_id)

    assert (done.status, done.err) == (1, "This customer has an upcoming booking. Cancel or complete it first.")


def test_list_of_erasures_erases_again_what_a_backup_brought_back(station: Station, tmp_path: Path) -> None:
    gone, file = customer(station), tmp_path / "erasures"
    run("erasures", "erase", gone.pk)

    written = run("erasures", "export", file)
    text = file.read_text()
    gone.save()
    file.write_text(text + text.replace(str(gone.pk), str(uuid4())) + "\n")
    done = [run("erasures", "apply", file).out.strip() for _time in range(2)]

    assert (written.out.strip(), text.count("\n")) == ("1 erasures.", 1)
    assert [word for word in ("Ana", "ana@example.com") if word in text] == []
    assert done == [
        "1 erased again, 0 erased already, 1 not in this database.",
        "0 erased again, 1 erased already, 1 not in this database.",
    ]
    gone.refresh_from_db()
    assert (gone.name, gone.email) == ("", "")


@pytest.mark.parametrize("line", ["x", "[]", "1", '{"station": "kitchen"}', "null"])
def test_list_that_is_none_is_refused_with_its_line(station: Station, tmp_path: Path, line: str) -> None:
    known, file = customer(station), tmp_path / "erasures"
    first = f'{{"station": "kitchen", "customer": "{known.pk}", "erased_at": "2026-01-02T03:04:05+00:00"}}'
    file.write_text(f"{first}\n{line}\n")

    done = run("erasures", "apply", file)

    assert (done.status, done.err) == (1, "Line 2 is no erasure. Nothing was erased.")
    assert Customer.objects.kept().count() == 1


@pytest.mark.parametrize("action", ["export", "apply"])
def test_file_that_cannot_be_opened_is_reported(db: None, tmp_path: Path, action: str) -> None:
    done = run("erasures", action, tmp_path / "none" / "erasures")

    assert (done.status, done.err) == (1, f"{tmp_path}/none/erasures: No such file or directory")
