"""The page of a customer, and the form by which staff correct what is on file."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts import customers, roles
from accounts.customers import Contact
from accounts.models import AuditEntry, Customer, User
from bookings.privacy import erasure
from stations.models import Station
from tests.factories import FRIDAY, booking, customer, open_station, person

ANA = Contact("Ana García", "ana@example.com", "+4930901820")


@pytest.fixture
def ana(station: Station) -> Customer:
    made = booking(station, customer=ANA).customer
    assert made
    customers.edit(made.pk, {"notes": "Sits by the window."}, by=roles.OPERATOR)
    made.refresh_from_db()
    return made


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def card(visitor: Client, of: Customer, **query: str) -> str:
    return visitor.get(f"/customers/{of.pk}/", query).content.decode()


def form_of(of: Customer, **changes: Any) -> dict[str, Any]:
    names = ("name", "email", "phone", "language", "notes", "version")
    return {name: getattr(of, name) for name in names} | changes


def test_card_shows_name_notes_counts_and_bookings_without_contact(visitor: Client, ana: Customer) -> None:
    booking(ana.station, FRIDAY - timedelta(days=3_000), customer_id=ana.pk, status="no_show")

    html = card(visitor, ana)

    assert all(text in html for text in ("Ana García", "Sits by the window.", "Fri 7 Mar 2031 18:00"))
    assert re.search(r"No-shows</dt><dd>1<", html)
    assert len(re.findall("data-booking-id", html)) == 2
    assert "ana@example.com" not in html
    assert "1820" not in html


def test_contact_is_shown_when_asked_for_and_recorded(visitor: Client, ana: Customer) -> None:
    html = visitor.post(f"/customers/{ana.pk}/contact/").content.decode()

    assert "ana@example.com" in html
    assert AuditEntry.objects.filter(event="revealed", object_pk=str(ana.pk)).count() == 1


def test_bookings_are_paged(visitor: Client, station: Station) -> None:
    known = customer(station)
    for offset in range(27):
        booking(station, FRIDAY + timedelta(days=offset), customer_id=known.pk)

    first, second = card(visitor, known), card(visitor, known, page="2")

    assert [page.count("data-booking-id") for page in (first, second)] == [25, 2]
    assert "Older" in first
    assert "Newer" in second


def test_viewers_see_initials_and_no_notes(client: Client, ana: Customer) -> None:
    client.force_login(person(roles.VIEWERS, ana.station))

    html = card(client, ana)

    assert "García" not in html
    assert "window" not in html
    assert "Show contact" not in html
    assert client.get(f"/customers/{ana.pk}/edit/").status_code == 403
    assert client.post(f"/customers/{ana.pk}/contact/").status_code == 403


@pytest.mark.parametrize("page", ["", "edit/"])
def test_customer_of_another_station_is_not_found(visitor: Client, page: str) -> None:
    stranger = customer(open_station(code="court"))

    assert visitor.get(f"/customers/{stranger.pk}/{page}").status_code == 404
    assert visitor.post(f"/customers/{stranger.pk}/edit/", form_of(stranger, name="Mine")).status_code == 404
    assert visitor.post(f"/customers/{stranger.pk}/contact/").status_code == 404


def test_misspelt_name_is_corrected(visitor: Client, ana: Customer) -> None:
    answer = visitor.post(
        f"/customers/{ana.pk}/edit/", form_of(ana, name="Anna Garcia", language="es", notes="By the door."), follow=True
    )

    ana.refresh_from_db()
    assert (ana.name, ana.language, ana.notes, ana.email) == ("Anna Garcia", "es", "By the door.", "ana@example.com")
    assert "The customer has been saved." in answer.content.decode()
    [entry] = AuditEntry.objects.filter(event="edited", object_pk=str(ana.pk)).order_by("-id")[:1]
    assert {*entry.changes} == {"name", "language", "notes"}
    assert "Anna" not in str(entry.changes)


def test_opening_the_form_is_recorded_as_it_shows_the_contact(visitor: Client, ana: Customer) -> None:
    html = visitor.get(f"/customers/{ana.pk}/edit/").content.decode()

    assert 'value="ana@example.com"' in html
    assert AuditEntry.objects.filter(event="revealed").count() == 1


def test_colleagues_change_is_not_overwritten(visitor: Client, ana: Customer) -> None:
    sent = form_of(ana, name="Anna García")
    customers.edit(ana.pk, {"name": "Ana Garcia-Lopez"}, by=roles.OPERATOR)

    answer = visitor.post(f"/customers/{ana.pk}/edit/", sent)

    assert answer.status_code == 400
    assert "Someone else has changed this." in answer.content.decode()
    ana.refresh_from_db()
    assert ana.name == "Ana Garcia-Lopez"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"email": "ana"}, "email"),
        ({"phone": "12"}, "phone"),
        ({"language": "xx"}, "language"),
        ({"notes": "x" * 3_000}, "notes"),
    ],
)
def test_what_is_wrong_is_shown_at_its_field(
    visitor: Client, ana: Customer, changes: dict[str, Any], field: str
) -> None:
    answer = visitor.post(f"/customers/{ana.pk}/edit/", form_of(ana, **changes))

    assert answer.status_code == 400
    assert field in answer.context["form"].errors
    ana.refresh_from_db()
    assert ana.version == 2


def test_erased_customer_has_a_page_without_personal_data_and_no_form(visitor: Client, station: Station) -> None:
    gone = customer(station, "Ana García")
    erasure.erase(gone.pk, by=roles.OPERATOR)

    assert "Erased" in card(visitor, gone)
    assert visitor.get(f"/customers/{gone.pk}/edit/").status_code == 404


def test_booking_shows_visits_and_notes_with_a_link_to_the_card(visitor: Client, ana: Customer) -> None:
    made = ana.bookings.get()
    booking(ana.station, FRIDAY - timedelta(days=3_000), customer_id=ana.pk, status="completed")

    html = visitor.get(f"/bookings/{made.pk}/").content.decode()

    assert f'href="/customers/{ana.pk}/">1 visit' in re.sub(r">\s+", ">", html)
    assert "Sits by the window." in html
