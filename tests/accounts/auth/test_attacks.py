"""Attacks on the sign-in: by every interface, with many emails, by timing, and with a planted cookie."""

import json
import logging
import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.auth.session_store import SessionStore
from accounts.models import User
from config.settings import PASSWORD_HASHERS
from stations.models import Station
from tests.factories import PASSWORD, UserFactory

Door = Callable[..., Any]


def by_page(email: str, password: str, **headers: str) -> Any:
    return Client().post("/accounts/login/", {"email": email, "password": password}, headers=headers)


def by_api(email: str, password: str, **headers: str) -> Any:
    body = json.dumps({"email": email, "password": password})
    return Client().post("/api/auth/login", body, content_type="application/json", headers=headers)


def by_admin(email: str, password: str, **headers: str) -> Any:
    """Where the admin's own address sends whoever is not signed in."""
    address, _status = Client().get("/admin/", follow=True).redirect_chain[-1]
    return Client().post(address, {"email": email, "password": password}, headers=headers)


DOORS: Final = {"page": by_page, "api": by_api, "admin": by_admin}


@pytest.mark.parametrize("tried", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_failures_at_one_door_close_every_door(staff: User, settings: LazySettings, tried: Door, door: Door) -> None:
    settings.LOGIN_RATE_LIMIT = "3/day"
    for _try in range(3):
        assert tried(staff.email, "wrong").status_code in (400, 401)

    assert door(staff.email, PASSWORD).status_code == 429


def test_no_spelling_and_no_claimed_address_gives_more_guesses(staff: User, settings: LazySettings) -> None:
    settings.LOGIN_RATE_LIMIT = "3/day"
    name, _at, host = staff.email.partition("@")
    spellings = [staff.email, f" {name}@{host.upper()} ", f"{name.upper()}@{host}"]
    for number, email in enumerate(spellings):
        by_page(email, "wrong", **{"X-Forwarded-For": f"203.0.113.{number}", "X-Real-Ip": f"203.0.113.{number}"})

    assert by_api(staff.email, PASSWORD, **{"X-Forwarded-For": "198.51.100.1"}).status_code == 429


def test_one_password_tried_on_many_accounts_is_counted_by_address(staff: User, settings: LazySettings) -> None:
    settings.LOGIN_RATE_LIMIT = "3/day"
    for number in range(3):
        by_api(f"person-{number}@example.com", "Spring2031!")

    assert by_page(staff.email, PASSWORD).status_code == 429


def test_cookie_from_before_the_log_in_is_worth_nothing_after_it(
    staff: User, station: Station, settings: LazySettings
) -> None:
    """Somebody leaves a session of their own making in a browser, and waits until its person logs in."""
    session = SessionStore()
    session.create()
    known, cookie = str(session.session_key), settings.SESSION_COOKIE_NAME
    thief, victim = Client(), Client()
    thief.cookies[cookie] = victim.cookies[cookie] = known

    victim.post("/accounts/login/", {"email": staff.email, "password": PASSWORD})

    assert victim.get("/calendar/week/").status_code == 200
    assert victim.cookies[cookie].value != known
    assert thief.get("/calendar/week/").status_code == 302


def test_log_says_who_signed_in_and_what_was_refused_and_names_no_account(
    staff: User, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.LOGIN_RATE_LIMIT = "1/day"
    with caplog.at_level(logging.INFO, logger="accounts.auth.authentication"):
        for password in (PASSWORD, "wrong", PASSWORD):
            by_page(staff.email, password)

    assert [one.getMessage() for one in caplog.records if one.name == "accounts.auth.authentication"] == [
        f"User {staff.pk} signed in from 127.0.0.1.",
        "Sign-in from 127.0.0.1 refused.",
        "Sign-in from 127.0.0.1 must wait: too many failures.",
    ]
    assert staff.email not in caplog.text


@pytest.mark.long
def test_clock_tells_nobody_which_accounts_there_are(staff: User, settings: LazySettings) -> None:
    """With the product's own hashing, in one run and in turns, by the time that the processor spends: of that a busy machine
    takes nothing away. What is refused unread shows that the clock would tell a hash left out.
    """
    settings.PASSWORD_HASHERS, settings.LOGIN_RATE_LIMIT = PASSWORD_HASHERS, "100000/day"
    staff.set_password(PASSWORD)
    staff.save()
    gone, keyless = UserFactory(is_active=False), UserFactory()
    gone.set_password(PASSWORD)
    gone.save()
    keyless.set_unusable_password()
    keyless.save()
    tried = {"known": staff.email, "unknown": "nobody@example.com", "gone": gone.email, "keyless": keyless.email}
    took: dict[tuple[str, Door], list[float]] = {}
    for _round in range(12):
        for door in (by_page, by_api):
            for name, email in {**tried, "unread": ""}.items():
                began = time.process_time()
                assert door(email, "wrong").status_code in (400, 401)
                took.setdefault((name, door), []).append(time.process_time() - began)

    for door in (by_page, by_api):
        known = median(took["known", door])
        ratios = {name: median(took[name, door]) / known for name in tried}
        assert {name: ratio for name, ratio in ratios.items() if not 0.85 < ratio < 1.15} == {}
        assert median(took["unread", door]) / known < 0.5
