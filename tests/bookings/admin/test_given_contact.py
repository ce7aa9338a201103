"""Contacts that came with bookings, on their customer's page in the admin."""

from typing import Any

import pytest
from django.test import Client

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, Customer
from bookings.models import Booking, ContactProposal
from stations.models import Station
from tests.bookings.admin.conftest import SignIn
from tests.factories import booking, customer, open_station, person

EMAIL, PHONE = "quillon@example.com", "+493023125987"


@pytest.fixture
def nora(station: Station) -> Customer:
    return customer(station, "Nora Silva", "nora@example.com")


@pytest.fixture
def made(station: Station, nora: Customer) -> Booking:
    return booking(station, customer=Contact("Nora Silva", "nora@example.com", PHONE))


def page_of(nora: Customer) -> str:
    return f"/admin/accounts/customer/{nora.pk}"


def decide(admin: Client, nora: Customer, made: Booking, do: str, **words: Any) -> Any:
    sent = {"booking": made.pk, "field": "phone", "version": made.version, "do": do, **words}
    return admin.post(f"{page_of(nora)}/contact/", sent, follow=True)


def test_customers_page_lists_them_and_says_that_they_were_shown(admin: Client, nora: Customer, made: Booking) -> None:
    page = admin.get(f"{page_of(nora)}/change/").content.decode()

    assert ("Given with bookings" in page, PHONE in page) == (True, True)
    assert AuditEntry.objects.get(event="revealed").changes == {"email": ["•••"] * 2, "given_phone": ["•••"] * 2}
    trail = admin.get("/admin/accounts/auditentry/?event=revealed").content.decode()
    assert "Contact shown: email, phone given with the booking" in trail


def test_bookings_page_leads_there_without_showing_it(admin: Client, nora: Customer, made: Booking) -> None:
    page = admin.get(f"/admin/bookings/booking/{made.pk}/change/").content.decode()

    assert ("Other contact details were given with this booking" in page, PHONE in page) == (True, False)


@pytest.mark.parametrize(
    ("do", "phone", "notice"), [("use", PHONE, "Saved for the customer."), ("dismiss", "", "Dismissed.")]
)
def test_manager_decides(admin: Client, nora: Customer, made: Booking, do: str, phone: str, notice: str) -> None:
    page = decide(admin, nora, made, do).content.decode()

    nora.refresh_from_db()
    assert (nora.phone, ContactProposal.objects.count(), notice in page) == (phone, 0, True)
    event = {"use": "contact_used", "dismiss": "contact_dismissed"}[do]
    assert AuditEntry.objects.get(event=event).channel == "admin"


def test_decision_that_was_overtaken_is_reported(admin: Client, nora: Customer, made: Booking) -> None:
    page = decide(admin, nora, made, "use", version=made.version + 1).content.decode()

    assert "has changed this booking" in page
    assert ContactProposal.objects.count() == 1


def test_decision_without_the_right_or_the_station_is_refused(
    admin_with: SignIn, client: Client, nora: Customer, made: Booking
) -> None:
    without_pii = decide(admin_with(roles.VIEW, roles.CHANGE), nora, made, "use")
    client.force_login(person(roles.MANAGERS, open_station()))
    stranger = decide(client, nora, made, "use")

    assert (without_pii.status_code, stranger.status_code) == (403, 404)
    assert ContactProposal.objects.count() == 1
