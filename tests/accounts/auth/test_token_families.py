"""Families of tokens end when the user signs out, and when a refresh token is used a second time."""

import json
from typing import Any, Final, NamedTuple

import pytest
from django.test import Client

from accounts.auth import authentication
from accounts.models import User

STATIONS: Final = "/api/stations/"
REFUSED: Final = (401, "token_invalid")
GOOD: Final = (200, None)


class Pair(NamedTuple):
    access: str
    refresh: str


def signed_in(user: User) -> Pair:
    made = authentication.issue_tokens(user)
    return Pair(made["access"], made["refresh"])


def post(address: str, token: str) -> Any:
    return Client().post(address, json.dumps({"refresh": token}), content_type="application/json")


def refreshed(pair: Pair) -> Pair:
    made = json.loads(post("/api/auth/refresh", pair.refresh).content)["data"]
    return Pair(made["access"], made["refresh"])


def call(pair: Pair) -> tuple[int, str | None]:
    answer = Client().get(STATIONS, headers={"Authorization": f"Bearer {pair.access}"})
    return answer.status_code, json.loads(answer.content).get("code")


@pytest.fixture
def family(staff: User) -> list[Pair]:
    """The tokens that came of one log-in, oldest first: the last refresh token is not spent."""
    first = signed_in(staff)
    second = refreshed(first)
    return [first, second, refreshed(second)]


def test_all_of_a_family_are_good_while_it_lasts(family: list[Pair]) -> None:
    assert [call(pair) for pair in family] == [GOOD] * 3


def test_logout_ends_every_access_token_of_the_family_at_once(family: list[Pair]) -> None:
    assert post("/api/auth/logout", family[-1].refresh).status_code == 200

    assert [call(pair) for pair in family] == [REFUSED] * 3


@pytest.mark.parametrize("address", ["/api/auth/refresh", "/api/auth/logout"])
def test_spent_token_that_comes_again_ends_every_access_token_of_the_family(family: list[Pair], address: str) -> None:
    assert post(address, family[0].refresh).status_code == 401

    assert [call(pair) for pair in family] == [REFUSED] * 3
    assert post("/api/auth/refresh", family[-1].refresh).status_code == 401


def test_another_log_in_of_the_same_person_goes_on(family: list[Pair], staff: User) -> None:
    elsewhere = signed_in(staff)

    post("/api/auth/logout", family[-1].refresh)

    assert call(elsewhere) == GOOD
    assert call(refreshed(elsewhere)) == GOOD


def test_access_token_cannot_leave_its_family(family: list[Pair]) -> None:
    """Its family stands in what is signed: a token whose claim was changed is none of ours."""
    header, _body, signature = family[-1].access.split(".")
    _header, body, _signature = family[0].access.split(".")

    assert call(Pair(f"{header}.{body}.{signature}", "")) == REFUSED
