"""Authentication of the API: what tokens allow, what ends them, and the responses to invalid ones."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings as product
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.audit.origin import Origin, override_origin
from accounts.auth import authentication, two_factor
from accounts.models import User
from stations.models import Station
from tests.authenticator import code_of
from tests.concurrency import run_concurrently
from tests.factories import PASSWORD, UserFactory, customer

STATIONS = "/api/stations/"
Answer = Any
"""A response as the test client gives it."""
CHALLENGE = 'Bearer realm="api"'


def post(address: str, body: Any, client: Client | None = None, **headers: str) -> Answer:
    return (client or Client()).post(address, json.dumps(body), content_type="application/json", headers=headers)


def login(email: str, password: str = PASSWORD) -> Answer:
    return post("/api/auth/login", {"email": email, "password": password})


def refresh(token: str) -> Answer:
    return post("/api/auth/refresh", {"refresh": token})


def call(token: str, address: str = STATIONS) -> Answer:
    return Client().get(address, headers={"Authorization": f"Bearer {token}"})


def told(answer: Answer) -> tuple[int, str, str | None]:
    body = json.loads(answer.content)
    assert set(body) == {"success", "error", "code", "request_id"}
    assert body["success"] is False
    return answer.status_code, body["code"], answer.headers.get("WWW-Authenticate")


def tokens(user: User) -> tuple[str, str]:
    made = authentication.issue_tokens(user)
    return made["access"], made["refresh"]


REFUSED = (401, "token_invalid", CHALLENGE)


def test_login_gives_tokens_that_work(staff: User) -> None:
    answer = login(staff.email)

    body = json.loads(answer.content)
    assert answer.status_code == 200
    assert (body["success"], set(body), set(body["data"])) == (
        True, {"success", "data"}, {"access", "refresh", "token_type", "expires_in"},
    )  # fmt: skip
    assert (body["data"]["token_type"], body["data"]["expires_in"]) == ("Bearer", 300)
    assert call(body["data"]["access"]).status_code == 200


def test_login_knows_an_email_in_any_case(staff: User) -> None:
    assert login(f" {staff.email.upper()} ").status_code == 200


def test_login_answers_alike_for_everybody_who_may_not(staff: User) -> None:
    UserFactory(email="gone@example.com", is_active=False)
    keyless = UserFactory(email="keyless@example.com")
    keyless.set_unusable_password()
    keyless.save()
    answers = [
        login(staff.email, "wrong"),
        login("nobody@example.com"),
        login("gone@example.com"),
        login("keyless@example.com"),
    ]
    bodies = [{**json.loads(answer.content), "request_id": ""} for answer in answers]
    assert [told(answer) for answer in answers] == [(401, "login_failed", CHALLENGE)] * 4
    assert all(body == bodies[0] for body in bodies)


def test_login_hashes_as_often_for_the_unknown_as_for_the_known(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    counts = []
    for email in (staff.email, "nobody@example.com"):
        hashed.clear()
        login(email, "wrong")
        counts.append(len(hashed))
    assert counts == [1, 1]


@pytest.mark.parametrize(
    ("body", "code", "fields"),
    [
        ({}, "required", ["email", "password"]),
        ({"email": "a@example.com"}, "required", ["password"]),
        ({"email": "a@example.com", "password": "x", "otp": "1"}, "invalid", ["otp"]),
        ({"email": 5, "password": "x"}, "invalid", ["email"]),
        ({"email": "a@example.com", "password": None}, "invalid", ["password"]),
        ({"email": "a\x00@example.com", "password": "x"}, "invalid", ["email"]),
        ({"email": "a" * 10_000, "password": "x"}, "invalid", ["email"]),
        ({"email": "a@example.com", "password": "x" * 10_000}, "invalid", ["password"]),
        ({"email": ["a@example.com"], "password": {"x": 1}}, "invalid", ["email", "password"]),
    ],
)
def test_login_refuses_malformed_input(db: None, body: Any, code: str, fields: list[str]) -> None:
    answer = post("/api/auth/login", body)
    found = json.loads(answer.content)
    assert (answer.status_code, found["code"], list(found["errors"])) == (400, code, fields)


def test_login_is_throttled_after_failures_and_says_how_long(staff: User, settings: Settings) -> None:
    settings.LOGIN_RATE_LIMIT = "3/day"
    assert [login(staff.email, "wrong").status_code for _time in range(3)] == [401, 401, 401]
    answer = login(staff.email)
    assert told(answer)[:2] == (429, "throttled")
    assert 0 < int(answer.headers["Retry-After"]) <= 86400


def test_login_is_not_throttled_by_successes(staff: User, settings: Settings) -> None:
    settings.LOGIN_RATE_LIMIT = "3/day"
    assert {login(staff.email).status_code for _time in range(8)} == {200}


def test_refresh_gives_a_new_pair_and_spends_the_old(staff: User) -> None:
    _access, old = tokens(staff)
    first = refresh(old)
    new = json.loads(first.content)["data"]
    assert (first.status_code, set(new)) == (200, {"access", "refresh", "token_type", "expires_in"})
    assert call(new["access"]).status_code == 200
    assert refresh(new["refresh"]).status_code == 200
    assert told(refresh(old)) == REFUSED


def test_spent_refresh_token_that_comes_again_ends_its_family(staff: User) -> None:
    """Somebody has copied it: neither of the two goes on, and whoever signed in elsewhere does."""
    _access, first = tokens(staff)
    elsewhere = tokens(staff)[1]
    second = json.loads(refresh(first).content)["data"]["refresh"]
    third = json.loads(refresh(second).content)["data"]["refresh"]

    assert told(refresh(first)) == REFUSED

    assert told(refresh(third)) == REFUSED
    assert refresh(elsewhere).status_code == 200


def test_forged_token_ends_no_family(staff: User) -> None:
    _access, first = tokens(staff)
    refresh(first)
    claims = jwt.decode(first, options={"verify_signature": False})
    _access, other = tokens(staff)

    refresh(jwt.encode({**claims, "fam": jwt.decode(other, options={"verify_signature": False})["fam"]}, "x" * 64))

    assert refresh(other).status_code == 200


def test_logout_ends_what_came_of_the_token_before(staff: User) -> None:
    _access, first = tokens(staff)
    second = json.loads(refresh(first).content)["data"]["refresh"]

    post("/api/auth/logout", {"refresh": second})

    assert told(refresh(second)) == REFUSED
    assert told(refresh(first)) == REFUSED


def test_logout_revokes_the_refresh_token(staff: User) -> None:
    _access, token = tokens(staff)
    answer = post("/api/auth/logout", {"refresh": token})
    assert (answer.status_code, json.loads(answer.content)) == (200, {"success": True, "data": None})
    assert told(refresh(token)) == REFUSED
    assert told(post("/api/auth/logout", {"refresh": token})) == REFUSED


def deactivated(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def with_another_password(user: User) -> None:
    user.set_password("another long enough one")
    user.save()


def deleted(user: User) -> None:
    user.delete()


@pytest.mark.parametrize("become", [deactivated, with_another_password, deleted])
def test_tokens_end_with_the_account_and_with_the_password(staff: User, become: Callable[[User], None]) -> None:
    access, again = tokens(staff)
    become(staff)
    assert [told(call(access)), told(refresh(again)), told(post("/api/auth/logout", {"refresh": again}))] == [
        REFUSED
    ] * 3


def test_tokens_are_not_stored(staff: User) -> None:
    _access, token = tokens(staff)
    refresh(token)
    assert OutstandingToken.objects.count() == BlacklistedToken.objects.count() == 1
    assert list(OutstandingToken.objects.values_list("token", "user")) == [("", staff.pk)]


def test_bearer_costs_one_query(staff: User) -> None:
    class Asked:
        META = {"HTTP_AUTHORIZATION": f"Bearer {tokens(staff)[0]}"}

    with override_origin(Origin()), CaptureQueriesContext(connection) as captured:
        found = authentication.BearerAuthentication().authenticate(Asked())  # type: ignore[arg-type]
    assert found is not None
    assert (found[0], len(captured)) == (staff, 1)


def forged(user: User, key: str, algorithm: str = "HS256", **claims: Any) -> str:
    payload = {**AccessToken(tokens(user)[0]).payload, **claims}  # type: ignore[arg-type]
    return jwt.encode(payload, key, algorithm=algorithm)


def unsigned(user: User) -> str:
    """The classic: a token that says of itself that it needs no signature."""
    _head, body, _signature = tokens(user)[0].split(".")
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    return f"{head}.{body}."


def with_another_body(user: User) -> str:
    head, _body, signature = tokens(user)[0].split(".")
    claims = {**AccessToken(tokens(user)[0]).payload, "user_id": "1"}  # type: ignore[arg-type]
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{head}.{body}.{signature}"


def expired(user: User) -> str:
    token = AccessToken(tokens(user)[0])  # type: ignore[arg-type]
    token.set_exp(lifetime=-timedelta(seconds=1))
    return str(token)


def without(user: User, claim: str) -> str:
    token = AccessToken(tokens(user)[0])  # type: ignore[arg-type]
    del token.payload[claim]
    return str(token)


@pytest.mark.parametrize(
    "make",
    [
        lambda user: tokens(user)[1],
        unsigned,
        with_another_body,
        expired,
        lambda user: forged(user, "another key, quite as long as the right one is"),
        lambda user: forged(user, product.SECRET_KEY, algorithm="HS512"),
        lambda user: forged(user, product.SECRET_KEY, user_id=None),
        lambda user: without(user, "user_id"),
        lambda user: without(user, "pwd"),
        lambda user: without(user, "exp"),
        lambda user: without(user, "jti"),
        lambda user: "no token",
        lambda user: "a.b.c",
        lambda user: "é.é.é",
        lambda user: "\x00",
        lambda user: "x" * 10_000,
        lambda user: "",
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_bearer_refuses_what_is_no_access_token_of_ours(staff: User, make: Callable[[User], str]) -> None:
    answer = call(make(staff))
    assert told(answer) == REFUSED


@pytest.mark.parametrize(
    "make",
    [
        lambda user: tokens(user)[0],
        lambda user: str(RefreshToken()),
        lambda user: "no token",
        lambda user: "a.b.c",
        lambda user: "é.é.é",
    ],
)
def test_refresh_refuses_what_is_no_refresh_token_of_ours(staff: User, make: Callable[[User], str]) -> None:
    assert told(refresh(make(staff))) == REFUSED


def test_refresh_refuses_an_expired_token(staff: User) -> None:
    token = RefreshToken(tokens(staff)[1])  # type: ignore[arg-type]
    token.set_exp(lifetime=-timedelta(seconds=1))
    assert told(refresh(str(token))) == REFUSED


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": ""}])
def test_calls_without_a_token_are_asked_to_sign_in(db: None, headers: dict[str, str]) -> None:
    assert told(Client().get(STATIONS, headers=headers)) == (401, "not_authenticated", CHALLENGE)


def test_session_reads_without_and_writes_only_with_the_csrf_token(staff: User, station: Station) -> None:
    customer(station, "Ana García")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(staff)
    assert browser.get(STATIONS).status_code == 200
    assert told(post("/api/customers/search", {"q": "garcia"}, browser)) == (403, "csrf_failed", None)

    browser.cookies["stationbook_csrf"] = "c" * 32
    answer = post("/api/customers/search", {"q": "garcia"}, browser, **{"X-CSRFToken": "c" * 32})
    assert answer.status_code == 200


def test_session_ends_with_the_account(staff: User) -> None:
    browser = Client()
    browser.force_login(staff)
    deactivated(staff)
    assert told(browser.get(STATIONS)) == (401, "not_authenticated", CHALLENGE)


@pytest.mark.parametrize(("rate", "statuses"), [("3/day", [200, 200, 200, 429, 429])])
def test_calls_of_a_user_are_limited_over_token_and_session_together(
    staff: User, settings: Settings, rate: str, statuses: list[int]
) -> None:
    settings.RATE_LIMIT = rate
    browser, (access, _again) = Client(), tokens(staff)
    browser.force_login(staff)
    found = [(call(access) if number % 2 else browser.get(STATIONS)) for number in range(5)]
    assert [answer.status_code for answer in found] == statuses
    assert told(found[-1])[:2] == (429, "throttled")
    assert 0 < int(found[-1].headers["Retry-After"]) <= 86400


def test_calls_of_one_user_leave_anothers_alone(staff: User, settings: Settings) -> None:
    settings.RATE_LIMIT = "1/day"
    other = UserFactory(is_superuser=True)
    found = [call(tokens(user)[0]).status_code for user in (staff, other, staff, other)]
    assert found == [200, 200, 429, 429]


def test_the_limit_is_looked_at_before_the_right(station: Station, settings: Settings) -> None:
    settings.RATE_LIMIT = "1/day"
    access, _again = tokens(UserFactory())
    assert [told(call(access))[:2] for _time in range(2)] == [(403, "permission_denied"), (429, "throttled")]


@pytest.mark.race
def test_one_of_eight_processes_spends_a_token(database_url: str) -> None:
    user = UserFactory(email="racer@example.com")
    printed = run_concurrently(database_url, 8, "spend", tokens(user)[1])
    assert sorted(printed) == ["racer@example.com", *["refused"] * 7]


@pytest.mark.race
def test_a_burst_of_wrong_passwords_gets_no_more_guesses_than_a_queue(database_url: str) -> None:
    UserFactory(email="racer@example.com")
    printed = run_concurrently(database_url, 8, "sign_in", "racer@example.com", "wrong", "5")
    counted = [sum(numbers) for numbers in zip(*(map(int, line.split()) for line in printed), strict=True)]
    assert counted == [0, 10, 30]


@pytest.mark.race
def test_a_burst_of_right_passwords_is_let_in_whole(database_url: str) -> None:
    UserFactory(email="racer@example.com")
    printed = run_concurrently(database_url, 12, "sign_in", "racer@example.com", PASSWORD, "5")
    counted = [sum(numbers) for numbers in zip(*(map(int, line.split()) for line in printed), strict=True)]
    assert counted == [60, 0, 0]


@pytest.mark.race
@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_one_of_eight_processes_spends_a_code(database_url: str, kind: str) -> None:
    user = UserFactory(email="racer@example.com")
    secret = two_factor.start_enrolment(user)
    codes = two_factor.confirm(user, code_of(secret, steps=-1)) or []

    printed = run_concurrently(
        database_url, 8, "code", user.email, PASSWORD, code_of(secret) if kind == "app" else codes[0]
    )

    assert sorted(printed) == ["in", *["refused"] * 7]
