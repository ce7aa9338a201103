"""Signing in, for pages and the admin: redirects, failures and limits."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from accounts import roles
from accounts.auth import two_factor
from accounts.models import Session, User
from tests.authenticator import code_of
from tests.factories import PASSWORD, person
from tests.forms import forms_of

pytestmark = pytest.mark.looks

LOGIN = "/accounts/login/"


def words(user: User, password: str = PASSWORD, **others: str) -> dict[str, str]:
    return {"email": user.email, "password": password, **others}


@pytest.mark.parametrize(
    ("group", "home"), [(roles.VIEWERS, "/"), (roles.STAFF, "/"), (roles.MANAGERS, "/"), (roles.INTEGRATORS, "/api/")]
)
def test_log_in_leads_to_what_the_person_came_for(db: None, client: Client, group: str, home: str) -> None:
    user = person(group)
    month = "/calendar/month/?date=2031-03-07"
    wanted = {"": home, month: month if home == "/" else "/api/", "/api/docs/": "/api/docs/"}

    assert {address: client.post(LOGIN, words(user, next=address)).headers["Location"] for address in wanted} == wanted


def test_home_of_whoever_has_no_pages_is_the_api(db: None, client: Client) -> None:
    client.force_login(person(roles.INTEGRATORS))

    assert client.get("/").headers["Location"] == "/api/"


@pytest.mark.parametrize(
    "elsewhere", ["https://example.org/", "//example.org/", "javascript:alert(1)", "/\\example.org", "x", "week"]
)
def test_log_in_never_leads_to_somebody_elses_site(staff: User, client: Client, elsewhere: str) -> None:
    assert client.post(LOGIN, words(staff, next=elsewhere)).headers["Location"] == "/"


def test_log_in_takes_a_pasted_email(staff: User, client: Client) -> None:
    assert client.post(LOGIN, {**words(staff), "email": f"\u200b{staff.email}\u200e"}).status_code == 302


def test_unknown_email_and_wrong_password_are_answered_alike(staff: User, client: Client) -> None:
    answers = [
        client.post(LOGIN, said) for said in (words(staff, "wrong"), {"email": "no@example.com", "password": "wrong"})
    ]

    told = {(answer.status_code, *answer.context["form"].non_field_errors()) for answer in answers}
    assert told == {
        (400, "Email and password do not match, or the code is missing or wrong. Try again, or ask a manager.")
    }
    assert "_auth_user_id" not in client.session


def test_failures_without_end_are_told_when_to_try_again(staff: User, client: Client, settings: LazySettings) -> None:
    settings.LOGIN_RATE_LIMIT = "2/day"
    for _try in range(2):
        client.post(LOGIN, words(staff, "wrong"))

    refused = client.post(LOGIN, words(staff))

    assert refused.status_code == 429
    wait = refused.headers["Retry-After"]
    assert refused.context["form"].non_field_errors() == [f"Too many attempts. Try again in {wait} seconds."]
    assert "_auth_user_id" not in client.session


def test_log_out_ends_the_session(staff: User, client: Client) -> None:
    client.force_login(staff)

    assert client.post("/accounts/logout/").headers["Location"] == LOGIN
    assert client.get("/calendar/week/").status_code == 302


@pytest.mark.parametrize(
    ("page", "sign_in"),
    [
        ("/calendar/week/?date=2031-03-07", f"{LOGIN}?next=%2Fcalendar%2Fweek%2F%3Fdate%3D2031-03-07"),
        ("https://elsewhere.example/", LOGIN),
        ("", LOGIN),
    ],
)
def test_switching_users_leads_back_to_the_same_page_of_this_site(
    staff: User, client: Client, page: str, sign_in: str
) -> None:
    client.force_login(staff)

    assert client.post("/accounts/logout/", {"next": page}).headers["Location"] == sign_in
    assert "_auth_user_id" not in client.session


def test_log_in_sent_twice_with_a_code_that_is_good_once_is_one_session(staff: User) -> None:
    secret = two_factor.start_enrolment(staff)
    two_factor.confirm(staff, code_of(secret, steps=-1))
    browser, late = Client(), Client()
    [form] = [form for form in forms_of(browser.get(LOGIN)) if "password" in form.passwords]
    sent = {**form.fields, **words(staff, code=code_of(secret))}

    answers = [one.post(LOGIN, sent) for one in (browser, late)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert Session.objects.filter(user=staff).count() == 1
    assert late.get("/accounts/me/").status_code == 200


def test_log_in_sent_again_after_a_minute_gives_nobody_the_session(staff: User) -> None:
    [form] = [form for form in forms_of(Client().get(LOGIN)) if "password" in form.passwords]
    sent = {**form.fields, **words(staff)}
    Client().post(LOGIN, sent)

    late = Client()
    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        late.post(LOGIN, sent)

        assert late.get("/accounts/me/").status_code == 302
