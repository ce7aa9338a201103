"""Forms with an outdated CSRF token, after signing in or out in another tab."""

from typing import Any, Final

import pytest
from django.conf import settings
from django.test import Client

from accounts import roles
from accounts.models import User
from stations.models import Station
from tests.factories import PASSWORD, person
from tests.forms import forms_of

STALE: Final = "n" * 32
"""A CSRF token that no open page of the browser has."""


def stale_form(client: Client, **typed: str) -> Any:
    """The sign-in page, filled in after its browser got another CSRF token in another tab."""
    form = next(form for form in forms_of(client.get("/accounts/login/?next=/feeds/")) if "password" in form.passwords)
    client.cookies[settings.CSRF_COOKIE_NAME] = STALE
    return {**form.fields, **typed}


def test_sign_in_with_a_stale_token_shows_the_form_again_without_the_password(staff: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    sent = stale_form(browser, email=staff.email, password=PASSWORD)

    answer = browser.post("/accounts/login/", sent)

    html = answer.content.decode()
    assert answer.status_code == 400
    assert "Please try again." in html
    assert PASSWORD not in html
    [form] = [form for form in forms_of(answer) if "password" in form.passwords]
    assert (form.fields["email"], form.fields["next"]) == ([staff.email], ["/feeds/"])
    done = browser.post("/accounts/login/", {**form.fields, "password": PASSWORD})
    assert done.headers["Location"] == "/feeds/"


def test_sign_in_in_a_second_tab_leads_on(staff: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    sent = stale_form(browser, email=staff.email.upper(), password=PASSWORD)
    browser.force_login(staff)
    browser.cookies[settings.CSRF_COOKIE_NAME] = STALE

    assert browser.post("/accounts/login/", sent).headers["Location"] == "/feeds/"


def test_sign_in_of_somebody_else_in_a_second_tab_is_asked_for_again(staff: User, station: Station) -> None:
    browser = Client(enforce_csrf_checks=True)
    sent = stale_form(browser, email=person(roles.STAFF, station).email, password=PASSWORD)
    browser.force_login(staff)
    browser.cookies[settings.CSRF_COOKIE_NAME] = STALE

    answer = browser.post("/accounts/login/", sent)

    assert answer.status_code == 400
    assert browser.session["_auth_user_id"] == str(staff.pk)


@pytest.mark.parametrize("address", ["/accounts/logout/", "/admin/logout/"])
def test_signing_out_twice_or_with_a_stale_token_leads_to_sign_in(station: Station, address: str) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person(roles.MANAGERS, station))
    token = {"csrfmiddlewaretoken": "o" * 32}
    browser.cookies[settings.CSRF_COOKIE_NAME] = STALE

    pages = [browser.post(address, token, headers={"Origin": "http://testserver"}, follow=True) for _time in range(2)]

    assert [page.wsgi_request.path for page in pages] == ["/accounts/login/"] * 2
    assert "_auth_user_id" not in browser.session


def test_another_site_signs_nobody_out(staff: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(staff)
    browser.cookies[settings.CSRF_COOKIE_NAME] = STALE

    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {}):
        browser.post("/accounts/logout/", {"csrfmiddlewaretoken": "o" * 32}, headers=headers)

    assert "_auth_user_id" in browser.session


def test_language_is_chosen_with_a_stale_token(staff: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.cookies[settings.CSRF_COOKIE_NAME] = STALE

    answer = browser.post("/language/", {"csrfmiddlewaretoken": "o" * 32, "language": "de", "next": "/feeds/"})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/feeds/")
    assert browser.cookies[settings.LANGUAGE_COOKIE_NAME].value == "de"
