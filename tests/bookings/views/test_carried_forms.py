"""A form of somebody who was signed out, carried through signing in: for its person, for an hour, without passwords."""

from datetime import timedelta
from typing import Any, Final

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts import roles
from accounts.customers import Contact
from accounts.models import Session, User
from bookings.models import Booking
from stations.models import Station
from tests.factories import PASSWORD, booking, person
from tests.forms import Form, forms_of

NEW: Final = "/bookings/new/?station=kitchen&date=2031-03-07"
LEO: Final = {"slot": "19:00", "party_adults": "4", "name": "Leo Lindqvist", "email": "leo@example.com"}
NORA: Final = Contact("Nora Silva", "nora@example.com")
JSON: Final = {"Accept": "application/json"}
STALE: Final = "n" * 32
"""A CSRF token that no open page of the browser has."""


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def form_with(answer: Any, field: str) -> Form:
    return next(form for form in forms_of(answer) if field in form.fields)


def sent_signed_out(visitor: Client, page: str = NEW, **typed: str) -> Any:
    form = form_with(visitor.get(page), "party_adults")
    Session.objects.all().delete()
    return visitor.post(page, {**form.fields, **LEO, **typed})


def sign_in(visitor: Client, asked: Any, user: User, password: str = PASSWORD) -> Any:
    form = form_with(asked, "carried_form")
    return visitor.post(form.action, {**form.fields, "email": user.email, "password": password})


def test_new_booking_is_shown_again_after_sign_in_and_saved_by_its_button(
    visitor: Client, staff: User, station: Station
) -> None:
    asked = sent_signed_out(visitor)

    shown = sign_in(visitor, asked, staff)

    assert (asked.status_code, shown.status_code, Booking.objects.count()) == (403, 200, 0)
    assert "Not saved yet: you had been signed out. Check the form and save it." in shown.content.decode()
    form = form_with(shown, "party_adults")
    assert {name: form.fields[name] for name in LEO} == {name: [value] for name, value in LEO.items()}
    assert visitor.post(form.action or NEW, form.fields).status_code == 302
    assert Booking.objects.get().party_adults == 4


def test_wrong_password_keeps_what_is_carried(visitor: Client, staff: User, station: Station) -> None:
    asked = sign_in(visitor, sent_signed_out(visitor), staff, "wrong")

    shown = sign_in(visitor, asked, staff)

    assert asked.status_code == 400
    assert form_with(shown, "party_adults").fields["name"] == ["Leo Lindqvist"]


def test_form_is_shown_to_nobody_else(visitor: Client, staff: User, station: Station) -> None:
    asked = sent_signed_out(visitor)

    answer = sign_in(visitor, asked, person(roles.STAFF, station))

    assert answer.status_code == 302
    page = visitor.get(answer.headers["Location"])
    assert "Not saved: someone else filled in this form, so you can" in page.content.decode()
    assert "Lindqvist" not in page.content.decode()


def test_form_is_carried_for_an_hour(visitor: Client, staff: User, station: Station) -> None:
    asked = sent_signed_out(visitor)

    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1)):
        answer = sign_in(visitor, asked, staff)
        page = visitor.get(answer.headers["Location"]).content.decode()

    assert "Not saved: it took too long to sign in. Please fill in the form again." in page
    assert "Lindqvist" not in page


def test_form_of_one_address_is_not_shown_at_another(visitor: Client, staff: User, station: Station) -> None:
    made = booking(station, customer=NORA)
    carried = form_with(sent_signed_out(visitor), "carried_form").fields["carried_form"]

    answer = visitor.post(
        f"/bookings/{made.pk}/edit/", {"carried_form": carried, "email": staff.email, "password": PASSWORD}
    )

    assert answer.status_code == 302
    assert Booking.objects.get().party_adults == made.party_adults


def test_page_that_asks_to_sign_in_shows_nothing_that_was_typed(visitor: Client, station: Station) -> None:
    html = sent_signed_out(visitor).content.decode()

    assert "Lindqvist" not in html
    assert "leo@example.com" not in html


def test_passwords_are_never_carried(visitor: Client, staff: User) -> None:
    form = form_with(visitor.get("/accounts/me/keys/"), "rights")
    Session.objects.all().delete()

    asked = visitor.post("/accounts/me/keys/", {**form.fields, "name": "Shop", "old": "secret horse"})
    shown = sign_in(visitor, asked, staff)

    assert "secret horse" not in shown.content.decode()
    assert form_with(shown, "rights").fields["name"] == ["Shop"]


def test_arrived_pressed_when_signed_out_leads_to_the_booking_after_sign_in(
    visitor: Client, staff: User, station: Station
) -> None:
    made = booking(station, customer=NORA)
    Session.objects.all().delete()

    asked = visitor.post(f"/bookings/{made.pk}/step/", {"status": "arrived", "version": "1", "note": "Nora"})
    form = form_with(visitor.get(asked.headers["Location"]), "next")
    answer = visitor.post("/accounts/login/", {**form.fields, "email": staff.email, "password": PASSWORD}, follow=True)

    assert "Nora" not in asked.headers["Location"]
    assert answer.redirect_chain == [(f"/bookings/{made.pk}/", 302)]
    assert "Not saved: Arrived. You had been signed out. Please try again." in answer.content.decode()
    assert Booking.objects.get().status == "confirmed"


@pytest.mark.parametrize(
    "path", ["/accounts/me/end/", "/calendar/search/", "/bookings/{}/step/", "/bookings/{}/contact/"]
)
def test_address_that_takes_only_forms_leads_whoever_opens_it_to_its_page(
    visitor: Client, station: Station, path: str
) -> None:
    answer = visitor.get(path.format(booking(station).pk))

    back = next(link for link in answer.context["back"].split() if link)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert f'href="{back}"' in answer.content.decode()
    assert visitor.get(back, follow=True).status_code == 200


@pytest.mark.parametrize("headers", [JSON, {"X-Part": "panel"}, {"X-Part": "calendar"}])
def test_scripts_hear_that_their_person_is_signed_out(
    client: Client, station: Station, headers: dict[str, str]
) -> None:
    made = booking(station)

    answers = [
        client.get("/calendar/week/", headers=headers),
        client.post(f"/bookings/{made.pk}/move/", headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert [answer.json()["code"] for answer in answers] == ["not_authenticated"] * 2


def test_scripts_hear_that_their_token_is_stale(staff: User, station: Station) -> None:
    visitor = Client(enforce_csrf_checks=True)
    visitor.force_login(staff)
    visitor.cookies[settings.CSRF_COOKIE_NAME] = STALE

    answer = visitor.post(f"/bookings/{booking(station).pk}/move/", headers={**JSON, "X-CSRFToken": "o" * 32})

    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


def test_form_with_a_stale_token_is_shown_again_to_its_person_alone(staff: User, station: Station) -> None:
    visitor = Client(enforce_csrf_checks=True)
    visitor.force_login(staff)
    form = form_with(visitor.get(NEW), "party_adults")
    visitor.cookies[settings.CSRF_COOKIE_NAME] = STALE

    shown = visitor.post(NEW, {**form.fields, **LEO})
    visitor.force_login(person(roles.STAFF, station))
    visitor.cookies[settings.CSRF_COOKIE_NAME] = STALE
    refused = visitor.post(NEW, {**form.fields, **LEO})

    assert (shown.status_code, refused.status_code, Booking.objects.count()) == (200, 403, 0)
    assert "Not saved yet: you have signed in again since." in shown.content.decode()
    assert "Lindqvist" not in refused.content.decode()


def test_another_sites_form_is_refused_and_shows_nothing(staff: User, station: Station) -> None:
    visitor = Client(enforce_csrf_checks=True)
    visitor.force_login(staff)
    visitor.get(NEW)

    for headers in ({"Origin": "https://evil.example"}, {}):
        answer = visitor.post(NEW, {**LEO, "redisplay": "signed_out"}, headers=headers)

        assert answer.status_code == 403
        assert "Lindqvist" not in answer.content.decode()
