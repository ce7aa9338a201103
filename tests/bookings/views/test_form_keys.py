"""One-time keys of forms, by the form for a new booking: what is answered the second time, and when a key is still good."""

from datetime import timedelta
from typing import Any, Final

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import roles
from accounts.auth import two_factor
from accounts.idempotency import service
from accounts.idempotency.models import IdempotencyKey
from accounts.models import ApiKey, User
from bookings.models import Booking
from bookings.operations import worker
from stations.models import Station
from tests.authenticator import code_of
from tests.factories import PASSWORD, person
from tests.forms import Form, forms_of, password_form

NEW: Final = "/bookings/new/?station=kitchen&date=2031-03-07"
LEO: Final = {"slot": "18:00", "party_adults": "2", "name": "Leo Lindqvist", "email": "leo@example.com"}


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def form_at(client: Client, page: str, field: str) -> Form:
    """The page's form that has this field."""
    return next(form for form in forms_of(client.get(page)) if field in form.fields)


def filled(form: Form, **typed: Any) -> dict[str, Any]:
    return {**form.fields, **typed}


def test_booking_sent_twice_is_made_once_and_shown_twice(visitor: Client, station: Station) -> None:
    sent = filled(form_at(visitor, NEW, "party_adults"), **LEO)

    answers = [visitor.post(NEW, sent, follow=True) for _click in range(2)]

    [made] = Booking.objects.all()
    assert [answer.redirect_chain for answer in answers] == [[(f"/bookings/{made.pk}/", 302)]] * 2
    assert ["Booked: Leo Lindqvist, 2 guests" in answer.content.decode() for answer in answers] == [True, True]


def test_two_forms_make_two_bookings(visitor: Client, station: Station) -> None:
    for slot in ("18:00", "19:00"):
        visitor.post(NEW, filled(form_at(visitor, NEW, "party_adults"), **LEO | {"slot": slot}))

    assert Booking.objects.count() == 2


def test_refused_form_is_taken_with_the_same_key(visitor: Client, station: Station) -> None:
    form = form_at(visitor, NEW, "party_adults")

    refused = visitor.post(NEW, filled(form, **LEO | {"party_adults": "0"}))
    done = visitor.post(NEW, filled(form, **LEO))

    assert (refused.status_code, done.status_code, Booking.objects.count()) == (400, 302, 1)


def test_form_sent_again_with_other_details_is_shown_and_not_saved(visitor: Client, station: Station) -> None:
    form = form_at(visitor, NEW, "party_adults")
    visitor.post(NEW, filled(form, **LEO))

    answer = visitor.post(NEW, filled(form, **LEO | {"name": "Mia Lindqvist"}))

    assert (answer.status_code, Booking.objects.count()) == (200, 1)
    assert "Not saved yet: you sent this form before, with other details." in answer.content.decode()
    [shown] = [one for one in forms_of(answer) if "party_adults" in one.fields]
    assert shown.fields["name"] == ["Mia Lindqvist"]
    assert visitor.post(NEW, shown.fields).status_code == 302


def test_key_of_somebody_else_spends_none_of_theirs(visitor: Client, station: Station) -> None:
    form = form_at(visitor, NEW, "party_adults")
    colleague = Client()
    colleague.force_login(person(roles.STAFF, station))
    colleague.post(NEW, filled(form, **LEO | {"slot": "19:00"}))

    visitor.post(NEW, filled(form, **LEO))

    assert Booking.objects.count() == 2


def test_secret_that_is_shown_once_is_shown_to_who_sends_its_form_again(visitor: Client, station: Station) -> None:
    form = form_at(visitor, "/accounts/me/keys/", "rights")
    sent = filled(form, name="Shop", stations=[station.pk], rights=form.fields["rights"])

    first, second = (visitor.post("/accounts/me/keys/", sent).content for _click in range(2))

    assert (first, ApiKey.objects.count()) == (second, 1)
    assert b"sb_" in first


def test_recovery_codes_are_the_same_when_their_form_is_sent_again(visitor: Client, staff: User) -> None:
    codes = two_factor.confirm(staff, code_of(two_factor.start_enrolment(staff), steps=-1)) or []
    visitor.force_login(staff)
    form = form_at(visitor, "/accounts/me/factor/", "code")
    sent = filled(form, code=codes[0], old=PASSWORD)

    first, second = (visitor.post("/accounts/me/factor/codes/", sent) for _click in range(2))

    assert first.context["codes"]
    assert first.content == second.content


def test_wrong_password_in_a_form_with_a_key_counts(visitor: Client, staff: User, settings: Settings) -> None:
    settings.LOGIN_RATE_LIMIT = "2/day"
    form = form_at(visitor, "/feeds/", "station")
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        page = visitor.post("/feeds/", filled(form, details="on"))
        asked = password_form(page)
        assert asked
        tries = [visitor.post("/feeds/", filled(asked, old=word)).status_code for word in ("a", "b", PASSWORD)]

    assert tries == [400, 400, 429]


def test_table_of_keys_tells_nothing(visitor: Client, station: Station) -> None:
    form = form_at(visitor, NEW, "party_adults")
    visitor.post(NEW, filled(form, **LEO))

    [row] = IdempotencyKey.objects.values()
    held = repr(row)
    assert "Lindqvist" not in held
    assert str(Booking.objects.get().pk) not in held
    assert form.fields["form_key"][0] not in held


def test_keys_are_forgotten_after_a_day(visitor: Client, station: Station) -> None:
    visitor.post(NEW, filled(form_at(visitor, NEW, "party_adults"), **LEO))
    now = timezone.now()

    worker.tidy(now + service.LIFETIME - timedelta(minutes=1))
    kept = IdempotencyKey.objects.count()
    worker.tidy(now + service.LIFETIME)

    assert (kept, IdempotencyKey.objects.count()) == (1, 0)
