"""Contact proposals: contact details in a booking that are not on file for its customer."""

import pytest

from accounts.customers import Contact
from accounts.models import Customer
from stations.models import Station
from tests.bookings.api.caller import Caller
from tests.factories import booking, customer

NEW = {"station": "kitchen", "date": "2031-03-07", "slot": "18:00", "party_adults": 2}
EMAIL, PHONE, OTHER = "nora@example.com", "+12025550143", "+12025550199"


@pytest.fixture
def nora(station: Station) -> Customer:
    return customer(station, "Nora Silva", "", PHONE)


def as_stored(nora: Customer) -> tuple[str, str]:
    nora.refresh_from_db()
    return nora.email, nora.phone


def test_create_for_a_match_answers_with_what_is_not_on_file(api: Caller, nora: Customer) -> None:
    contact = {"name": "Nora Silva", "email": EMAIL, "phone": "+1 (202) 555-0143"}

    made = api.post("/api/bookings/", {**NEW, "customer": contact}).json()["data"]

    assert made["customer"] == {
        "customer_id": str(nora.pk),
        "name": "Nora Silva",
        "email": "",
        "phone": PHONE,
        "flags": [],
    }
    assert made["contact_proposal"] == {"email": EMAIL, "phone": ""}
    assert api.get(f"/api/bookings/{made['booking_id']}/").json()["data"] == made
    assert as_stored(nora) == ("", PHONE)


def test_edit_with_another_phone_keeps_it_as_a_proposal(api: Caller, station: Station, nora: Customer) -> None:
    made = booking(station, customer=Contact("Nora Silva", "", PHONE))

    answer = api.patch(
        f"/api/bookings/{made.pk}/", {"customer": {"name": "Nora Silva", "phone": OTHER}}, If_Match='"1"'
    )

    edited = answer.json()["data"]
    assert (answer.headers["ETag"], edited["customer"]["phone"], edited["contact_proposal"]) == (
        '"2"',
        PHONE,
        {"email": "", "phone": OTHER},
    )
    assert as_stored(nora) == ("", PHONE)


def test_calendar_rows_have_what_is_on_file_alone(api: Caller, station: Station, nora: Customer) -> None:
    booking(station, customer=Contact("Nora Silva", EMAIL, PHONE))

    [row] = api.get("/api/bookings/admin/weekly?date_from=2031-03-03&date_to=2031-03-09").json()["data"]

    assert ("contact_proposal" in row, row["customer"]["email"]) == (False, "")


def test_whoever_may_see_no_personal_data_is_not_told_of_it(viewer: Caller, station: Station, nora: Customer) -> None:
    made = booking(station, customer=Contact("Nora Silva", EMAIL, PHONE))

    assert "contact_proposal" not in viewer.get(f"/api/bookings/{made.pk}/").json()["data"]
