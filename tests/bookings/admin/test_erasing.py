"""Erasing a customer in the admin: asked, told what goes and what stays, and done."""

import pytest
from django.test import Client

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, Customer
from bookings.models import Booking
from bookings.models.status import Status
from stations.models import Station
from tests.bookings.admin.conftest import SignIn
from tests.factories import FRIDAY, booking, customer, open_station

ADDRESS = "/admin/accounts/customer"


@pytest.fixture
def gone(station: Station) -> Booking:
    """A booking that is over."""
    ana = Contact("Ana García", "ana@example.com", "+49 30 901820")
    return booking(station, FRIDAY.replace(year=2021), customer=ana, status=Status.COMPLETED, special_requests="Nuts")


def test_erase_is_asked_for_on_the_customers_page_and_done_by_a_second_button(admin: Client, gone: Booking) -> None:
    page = f"{ADDRESS}/{gone.customer_id}"
    assert f"{page}/erase/" in admin.get(f"{page}/change/").content.decode()

    asked = admin.get(f"{page}/erase/")
    assert Customer.objects.get().name == "Ana García"
    done = admin.post(f"{page}/erase/")

    assert [word in asked.content.decode() for word in ("Erase Ana García", "What is erased", "What remains")] == [
        True
    ] * 3
    assert "no-store" in asked["Cache-Control"]
    assert (done.status_code, done["Location"]) == (302, f"{page}/change/")
    known = Customer.objects.get()
    assert (known.name, known.erased_at is not None) == ("", True)
    entry = AuditEntry.objects.get(object_pk=known.pk, event="erased")
    assert (entry.channel, entry.actor) == ("admin", admin.get("/admin/").wsgi_request.user)


def test_erase_of_somebody_expected_is_refused_with_what_to_do(admin: Client, station: Station) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))
    page = f"{ADDRESS}/{made.customer_id}/erase/"

    answers = [admin.get(page).content.decode(), admin.post(page).content.decode()]

    assert ["has an upcoming booking. Cancel or complete it" in answer for answer in answers] == [True, True]
    assert "Erase permanently" not in answers[0]
    assert Customer.objects.get().name == "Ana García"


@pytest.mark.parametrize("rights", [(roles.VIEW,), (roles.VIEW, roles.CHANGE)])
def test_erase_is_not_offered_without_the_right_to_personal_data(
    admin_with: SignIn, gone: Booking, rights: tuple[str, ...]
) -> None:
    client, page = admin_with(*rights), f"{ADDRESS}/{gone.customer_id}"

    assert "erase/" not in client.get(f"{page}/change/").content.decode()
    assert [client.get(f"{page}/erase/").status_code, client.post(f"{page}/erase/").status_code] == [403, 403]
    assert Customer.objects.get().name == "Ana García"


def test_erase_at_another_station_is_no_address(admin: Client) -> None:
    other = customer(open_station())

    assert admin.post(f"{ADDRESS}/{other.pk}/erase/").status_code == 404
    assert Customer.objects.get().erased_at is None


def test_erased_customer_is_shown_so_and_can_neither_be_changed_nor_erased_again(admin: Client, gone: Booking) -> None:
    page = f"{ADDRESS}/{gone.customer_id}"
    admin.post(f"{page}/erase/")

    shown = admin.get(f"{page}/change/").content.decode()

    assert "This customer was erased." in shown
    assert [word for word in ('name="name"', 'name="email"', "erase/", "_save") if word in shown] == []
    assert admin.post(f"{page}/change/", {"name": "Ana"}).status_code == 403
    assert admin.post(f"{page}/erase/").status_code == 404
    assert Customer.objects.get().name == ""


def test_pages_and_api_show_erased_calmly(admin: Client, station: Station, gone: Booking) -> None:
    admin.post(f"{ADDRESS}/{gone.customer_id}/erase/")
    admin.get("/calendar/week/")  # takes the notice

    pages = {
        page: admin.get(page).content.decode()
        for page in (
            f"/bookings/{gone.pk}/",
            "/calendar/week/?date=2021-03-07",
            "/calendar/month/?date=2021-03-07",
            "/calendar/agenda/?date=2021-03-07",
            f"/calendar/week/?date=2021-03-07&customer={gone.customer_id}",
            "/admin/accounts/customer/",
            "/admin/bookings/booking/",
            f"/admin/bookings/booking/{gone.pk}/change/",
        )
    }
    row = admin.get(f"/api/bookings/{gone.pk}/").json()["data"]
    told = admin.get(f"/api/customers/{gone.customer_id}/").json()["data"]

    assert {page for page, text in pages.items() if "Erased" not in text} == set()
    assert {page for page, text in pages.items() if "García" in text or "Nuts" in text} == set()
    nobody = {"name": "", "email": "", "phone": ""}
    assert row["customer"] == {"customer_id": told["customer_id"], **nobody, "flags": []}
    assert row["special_requests"] is None
    assert {**told, **nobody} == told


def test_trail_says_that_somebody_was_erased(admin: Client, gone: Booking) -> None:
    admin.post(f"{ADDRESS}/{gone.customer_id}/erase/")

    trail = admin.get("/admin/accounts/auditentry/?event=erased").content.decode()

    assert "Erased: name, email, phone" in trail
    assert "Customer erased: special requests" in trail
