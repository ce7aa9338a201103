"""What is answered when no view could."""

from typing import Any

import psycopg
import pytest
from django.core.exceptions import PermissionDenied
from django.db import InternalError, connection
from django.test import Client, RequestFactory

from accounts.models import User
from config import errors
from core.web import error_pages

pytestmark = pytest.mark.looks


def shown(answer: Any) -> str:
    assert answer.headers["Content-Type"].startswith("text/html")
    text: str = answer.content.decode()
    return text


def test_a_page_that_is_none_says_so_and_shows_a_way_on(staff: User) -> None:
    client = Client()
    client.force_login(staff)

    answer = client.get("/nowhere/")

    assert answer.status_code == 404
    assert "This page does not exist, or it belongs to a station you don&#x27;t have access to." in shown(answer)
    assert answer.headers["X-Request-Id"] in shown(answer)


def test_a_foreign_host_is_told_that_it_was_not_understood(db: None) -> None:
    answer = Client().get("/", headers={"Host": "evil.example.com"})

    assert answer.status_code == 400
    assert "The request could not be understood." in shown(answer)


def test_a_form_whose_protection_has_run_out_says_what_to_do(db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {"email": "x", "password": "x"})

    assert answer.status_code == 403
    assert "reload the page and try again" in shown(answer)


def test_a_crash_of_a_page_says_nothing_but_its_request_id(staff: User) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(staff)

    def fail(*_call: Any) -> Any:
        raise RuntimeError("secret ana@example.com")

    with connection.execute_wrapper(fail):
        answer = client.get("/calendar/week/")

    assert answer.status_code == 500
    assert "Something went wrong on our side." in shown(answer)
    assert "secret" not in shown(answer)
    assert answer.headers["X-Request-Id"] in shown(answer)


@pytest.mark.parametrize(
    ("path", "kind"), [("/calendar/week/", "text/html; charset=utf-8"), ("/api/x", "application/json")]
)
def test_what_is_forbidden_is_said_in_the_shape_of_its_address(db: None, path: str, kind: str) -> None:
    answer = errors.forbidden(RequestFactory().get(path), PermissionDenied())

    assert (answer.status_code, answer.headers["Content-Type"]) == (403, kind)


@pytest.mark.parametrize(
    ("told", "away"),
    [
        (psycopg.InternalError("received 2 results from command 'COMMIT'"), True),
        (psycopg.errors.InFailedSqlTransaction("current transaction is aborted"), False),
    ],
    ids=["by a pooler whose server died", "by the server"],
)
def test_internal_error_is_the_databases_absence_only_where_no_server_told_it(told: Exception, away: bool) -> None:
    error = InternalError(str(told))
    error.__cause__ = told

    assert error_pages.is_away(error) is away
