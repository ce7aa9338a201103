"""One of several processes that race: does its part when the test says go, and prints what came of it.

`python -m tests.accounts.racer RACE [ARGUMENT …]`, with DATABASE_URL naming the test's database.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.http import HttpRequest  # noqa: E402

from accounts.auth import (  # noqa: E402
    authentication,
    email_change,
    password_reset,
)
from accounts.auth.rate_limits import Rate, TooManyFailures  # noqa: E402
from accounts.models import User  # noqa: E402
from core.errors import Invalid  # noqa: E402


def count(key: str, times: str) -> str:
    window = Rate.parse("100/day").window()
    allowed = Counter(window.add(key, 1) <= window.rate.limit for _time in range(int(times)))
    return f"{allowed[True]} {allowed[False]}"


def spend(token: str) -> str:
    try:
        return authentication.spend_refresh_token(token)[0].email
    except authentication.TokenInvalid:
        return "refused"


def sign_in(email: str, password: str, times: str) -> str:
    settings.LOGIN_RATE_LIMIT = "10/day"  # a minute might end in the middle of the race
    seen: Counter[str] = Counter()
    for _time in range(int(times)):
        try:
            user = authentication.sign_in(HttpRequest(), email, password, address="203.0.113.9")
            seen["in" if user else "wrong"] += 1
        except TooManyFailures:
            seen["refused"] += 1
    return f"{seen['in']} {seen['wrong']} {seen['refused']}"


def code(email: str, password: str, said: str) -> str:
    user = authentication.sign_in(HttpRequest(), email, password, said, address=None)
    return "in" if user else "refused"


def choose(ticket: str, password: str) -> str:
    return "chosen" if password_reset.set_password(ticket, password) else "refused"


def take_email(wanted: str) -> str:
    """Somebody new, who wants this email."""
    user = User.objects.create_user(f"racer{os.getpid()}@example.com")
    try:
        email_change.change(user, wanted)
    except Invalid:
        return "refused"
    return "changed"


RACES: dict[str, Callable[..., str]] = {
    "count": count,
    "spend": spend,
    "sign_in": sign_in,
    "code": code,
    "choose": choose,
    "take_email": take_email,
}

if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    print(RACES[sys.argv[1]](*sys.argv[2:]), flush=True)
