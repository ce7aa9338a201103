"""The API's URLs with and without their final slash."""

import re
from typing import Any

import pytest

from tests.bookings.api.caller import Caller, status_and_code
from tests.test_access import ROWS, Row, World, built, undone, world

__all__ = ["built", "world"]

pytestmark = pytest.mark.looks

API_ROWS = [row for row in ROWS if row.route.startswith("api/") and row.route not in ("api/", "api/^")]


class OtherSlash(World):
    """Calls each address with a final slash where it has none, and without one where it has."""

    def address(self, route: str) -> str:
        found = super().address(route)
        return found.removesuffix("/") if found.endswith("/") else f"{found}/"


def plain(answer: Any) -> tuple[int, str, str]:
    """An answer without what differs each time."""
    text = b"".join(answer).decode() if answer.streaming else answer.content.decode()
    body = re.sub(r'"(request_id|access|refresh|booking_id|updated_at|created_at)":"[^"]*"', "", text)
    body = re.sub(r'(nonce|data-token)="[^"]*"', "", body)
    return answer.status_code, answer.headers.get("Location", "").partition("/api/")[0], body


@pytest.mark.parametrize("row", API_ROWS, ids=lambda row: f"{row.method} /{row.route}")
@pytest.mark.parametrize("role", ["nobody", "integrator"])
def test_address_answers_alike_with_and_without_its_final_slash(world: World, row: Row, role: str) -> None:
    given = plain(undone(world, role, row.method, row.route))
    world.__class__ = OtherSlash
    try:
        other = plain(undone(world, role, row.method, row.route))
    finally:
        world.__class__ = World

    assert other == given
    assert str(given[0]) == row.statuses[role]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"])
def test_root_answers_without_its_slash(world: World, method: str) -> None:
    answers = [Caller(world.people["staff"]).call(method, address) for address in ("/api", "/api/")]

    assert plain(answers[0]) == plain(answers[1])
    assert {answer.headers.get("Content-Type") for answer in answers} == {"application/json"}


def test_root_without_its_slash_speaks_the_envelope_to_nobody(db: None) -> None:
    assert status_and_code(Caller().get("/api")) == (401, "not_authenticated")


@pytest.mark.parametrize(
    "address", ["/api//", "/api/bookings//", "/api/auth/login//", "/apis", "/api/stations//kitchen/slots"]
)
def test_two_slashes_are_another_address(world: World, address: str) -> None:
    assert Caller(world.people["staff"]).get(address).status_code == 404
