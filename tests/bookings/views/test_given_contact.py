"""A contact that came with a booking, on its page and in the panel: told of, shown to whoever asks, decided about."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, Customer, User
from bookings.models import Booking, ContactProposal
from stations.models import Station
from tests.factories import booking, customer, open_station, person

EMAIL, PHONE = "quillon@example.com", "+493023125987"
PLACE = {"station": "kitchen", "date": "2031-03-07", "slot": "18:00", "slots": 1, "party_adults": 2, "party_kids": 0}


@pytest.fixture
def nora(station: Station) -> Customer:
    return customer(station, "Nora Silva", "", "+4930901820")


@pytest.fixture
def made(station: Station, nora: Customer) -> Booking:
    return booking(station, customer=Contact("Nora Silva", EMAIL, "+4930901820"))


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def decide(visitor: Client, made: Booking, **words: Any) -> Any:
    return visitor.post(f"/bookings/{made.pk}/contact/decide/", {"field": "email", "version": made.version, **words})


@pytest.mark.parametrize("part", ["", "panel"])
def test_page_tells_of_it_and_shows_it_to_whoever_asks(visitor: Client, made: Booking, part: str) -> None:
    unasked = visitor.get(f"/bookings/{made.pk}/", headers={"X-Part": part}).content.decode()
    asked = visitor.post(f"/bookings/{made.pk}/contact/", headers={"X-Part": part}).content.decode()

    assert ("Another email" in unasked, EMAIL in unasked, "contact/decide/" in unasked) == (True, False, False)
    assert (f"mailto:{EMAIL}" in asked, "Emails about this booking are sent here." in asked) == (True, True)
    assert ('name="do" value="use"' in asked, 'name="do" value="dismiss"' in asked) == (True, True)
    shown = AuditEntry.objects.get(event="revealed")
    assert shown.changes == {"phone": ["•••", "•••"], "given_email": ["•••", "•••"]}


def test_page_asks_for_it_once(visitor: Client, made: Booking) -> None:
    with CaptureQueriesContext(connection) as queries:
        visitor.get(f"/bookings/{made.pk}/")

    assert sum('FROM "bookings_contactproposal"' in one["sql"] for one in queries.captured_queries) == 1


def test_staff_save_it_for_the_customer(visitor: Client, made: Booking, nora: Customer) -> None:
    answer = decide(visitor, made, do="use")

    nora.refresh_from_db()
    assert (answer.status_code, nora.email) == (302, EMAIL)
    page = visitor.get(f"/bookings/{made.pk}/").content.decode()
    assert ("Saved for the customer." in page, "data-given" in page) == (True, False)
    assert "Saved for the customer: email given with the booking" in page


def test_staff_dismiss_it(visitor: Client, made: Booking, nora: Customer) -> None:
    answer = decide(visitor, made, do="dismiss")

    nora.refresh_from_db()
    assert (answer.status_code, nora.email, ContactProposal.objects.count()) == (302, "", 0)


def test_decision_overtaken_by_another_is_reported(visitor: Client, made: Booking, nora: Customer) -> None:
    decide(visitor, made, do="dismiss")

    late = decide(visitor, made, do="use")

    nora.refresh_from_db()
    assert (late.status_code, nora.email) == (409, "")
    assert "has changed this booking: Dismissed: email given with the booking" in late.content.decode()


@pytest.mark.parametrize("words", [{}, {"do": "keep"}, {"do": "use", "field": "name"}, {"do": "use", "version": "x"}])
def test_decision_that_says_nothing_changes_nothing(visitor: Client, made: Booking, words: dict[str, str]) -> None:
    assert decide(visitor, made, **words).status_code == 400
    assert ContactProposal.objects.count() == 1


def test_nobody_else_sees_it_or_decides(made: Booking, station: Station, client: Client) -> None:
    for somebody, statuses in (
        (person(roles.VIEWERS, station), (200, 403, 403)),
        (person(roles.STAFF, open_station()), (404, 404, 404)),
    ):
        client.force_login(somebody)
        pages = [
            client.get(f"/bookings/{made.pk}/"),
            client.post(f"/bookings/{made.pk}/contact/"),
            decide(client, made, do="use"),
        ]
        assert tuple(page.status_code for page in pages) == statuses
        assert [mark for page in pages for mark in (EMAIL, "data-given") if mark in page.content.decode()] == []
    assert ContactProposal.objects.count() == 1


def test_booking_form_saves_a_known_customers_contact_only_where_that_is_ticked(
    visitor: Client, station: Station, nora: Customer
) -> None:
    known = {**PLACE, "status": "confirmed", "customer": str(nora.pk), "new_email": EMAIL}

    assert visitor.post("/bookings/new/", known).status_code == 302
    nora.refresh_from_db()
    assert (nora.email, ContactProposal.objects.get().email) == ("", EMAIL)

    assert visitor.post("/bookings/new/", {**known, "save_contact": "on"}).status_code == 302
    nora.refresh_from_db()
    assert nora.email == EMAIL


def test_booking_form_offers_to_save_it_by_name(visitor: Client, nora: Customer) -> None:
    page = visitor.get(f"/bookings/new/?station=kitchen&customer={nora.pk}").content.decode()

    assert 'Save for <span data-known-name="">Nora Silva</span>' in page.replace(
        "data-known-name>", 'data-known-name="">'
    )
    assert 'name="save_contact"' in page


def test_booking_form_names_the_field_of_a_known_customers_wrong_phone(visitor: Client, nora: Customer) -> None:
    known = {**PLACE, "status": "confirmed", "customer": str(nora.pk), "new_phone": "12"}

    answer = visitor.post("/bookings/new/", known)

    assert answer.status_code == 400
    assert list(answer.context["form"].errors) == ["new_phone"]


def test_contact_typed_for_somebody_known_is_not_filled_in(visitor: Client, nora: Customer) -> None:
    typed = {**PLACE, "status": "confirmed", "name": "Nora Silva", "email": EMAIL, "phone": nora.phone}

    answer = visitor.post("/bookings/new/", typed, follow=True)

    nora.refresh_from_db()
    assert nora.email == ""
    assert "Given with this booking" in answer.content.decode()
