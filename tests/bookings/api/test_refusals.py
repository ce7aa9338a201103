"""Errors that all endpoints have in common, their order and their JSON."""

import json
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client

from accounts import roles
from accounts.models import User
from bookings.models import Booking
from stations.models import Station
from tests import factories
from tests.bookings.api.caller import Caller, failure, status_and_code
from tests.factories import booking

STATIONS, LIST, SEARCH = "/api/stations/", "/api/bookings/", "/api/customers/search"
WEEK = "/api/bookings/admin/weekly?date_from=2031-03-03&date_to=2031-03-09"
SIGN_IN = "Please sign in: send an access token, or sign in with the browser."


# --- who -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/api/", STATIONS, LIST, WEEK, "/api/nowhere"])
def test_nobody_is_asked_to_sign_in(db: None, address: str) -> None:
    answer = Caller().get(address)

    assert failure(answer) == {"status": 401, "error": SIGN_IN, "code": "not_authenticated"}
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("said", ["Bearer x", "Bearer", "Bearer a b", "Bearer é"])
def test_a_token_that_is_none_is_not_believed(db: None, said: str) -> None:
    answer = Caller().get(STATIONS, Authorization=said)

    assert status_and_code(answer) == (401, "token_invalid")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_browsers_write_without_the_forms_protection_is_refused(staff: User) -> None:
    caller = Caller(staff, session=True, enforce_csrf_checks=True)

    assert failure(caller.post(SEARCH, {"q": "ana"})) == {
        "status": 403,
        "error": "Your session has expired. Reload the page and try again.",
        "code": "csrf_failed",
    }


def test_a_browsers_write_with_the_forms_protection_goes_through(staff: User) -> None:
    caller = Caller(staff, session=True, enforce_csrf_checks=True)
    token = caller.client.get("/accounts/login/").context["csrf_token"]

    assert caller.post(SEARCH, {"q": "ana"}, X_CSRFToken=str(token)).status_code == 200


def test_a_token_needs_no_forms_protection(staff: User) -> None:
    assert Caller(staff, enforce_csrf_checks=True).post(SEARCH, {"q": "ana"}).status_code == 200


# --- how often -----------------------------------------------------------------------------------------------------------


def test_too_many_requests_are_told_when_to_come_back(api: Caller, settings: Any) -> None:
    settings.RATE_LIMIT = "1/day"
    api.get(STATIONS)

    answer = api.get(STATIONS)

    wait = int(answer.headers["Retry-After"])
    assert 1 <= wait <= 24 * 3600
    assert failure(answer) == {
        "status": 429,
        "error": f"Too many requests. Try again in {wait} seconds.",
        "code": "throttled",
    }


def test_searches_have_a_limit_of_their_own_which_pages_share(station: Station, staff: User, settings: Any) -> None:
    settings.SEARCH_RATE_LIMIT = "2/day"
    caller, page = Caller(staff), Client()
    page.force_login(staff)
    page.post("/calendar/search/", {"q": "ana"})

    answers = [caller.post(SEARCH, {"q": "ana"}) for _n in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert int(answers[1].headers["Retry-After"]) >= 1
    assert caller.get(STATIONS).status_code == 200


# --- the order -----------------------------------------------------------------------------------------------------------


def test_refusals_come_in_their_order(station: Station, bar: Station, settings: Any) -> None:
    """Each request has every fault that the one before it lacks, and is told of the first of them."""
    made, theirs = booking(station, status="cancelled"), booking(bar)
    outsider, member = factories.person(roles.STAFF), factories.staff(station)
    move = "/api/bookings/admin/{}".format
    calls: list[tuple[User | None, str, Any, dict[str, str]]] = [
        (None, move(theirs.pk), [], {"If_Match": "9"}),
        (outsider, move(theirs.pk), [], {"If_Match": "9"}),
        (member, move(theirs.pk), [], {"If_Match": "9"}),
        (member, move(made.pk), [], {"If_Match": '"9"'}),
        (member, move(made.pk), {"date": "2020-01-01", "slot": "00:01"}, {"If_Match": '"9"'}),
        (member, move(made.pk), {"date": "2020-01-01", "slot": "00:01"}, {"If_Match": '"1"'}),
    ]

    said = [status_and_code(Caller(who).patch(address, body, **headers)) for who, address, body, headers in calls]
    settings.RATE_LIMIT = "1/day"
    often = [status_and_code(Caller(who).patch(move(made.pk), [])) for who in (None, outsider, outsider)]

    assert said == [
        (401, "not_authenticated"),
        (403, "permission_denied"),
        (404, "not_found"),
        (400, "invalid"),
        (412, "stale"),
        (400, "not_reschedulable"),
    ]
    assert often == [(401, "not_authenticated"), (403, "permission_denied"), (429, "throttled")]


def test_the_right_is_asked_before_the_method_and_the_version(station: Station) -> None:
    outsider = Caller(factories.person(roles.STAFF))

    assert status_and_code(outsider.call("PUT", LIST, Accept="application/json; version=9")) == (
        403,
        "permission_denied",
    )


# --- what is spoken ------------------------------------------------------------------------------------------------------


@pytest.mark.looks
@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_another_method_is_refused(api: Caller, method: str) -> None:
    answer = api.call(method, LIST)

    assert answer.headers["Allow"] == "GET, HEAD, POST"
    assert failure(answer) == {
        "status": 405,
        "error": "Method not allowed. The Allow header lists the methods you can use.",
        "code": "method_not_allowed",
    }


@pytest.mark.looks
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS", "HEAD"])
@pytest.mark.parametrize(
    "address",
    ["/api/nowhere", "/api/bookings//", "/api/stations/%0A", "/api/auth", "/api//", "/api/%0A", "/api/\u00e9"],
)
def test_an_address_that_is_none_is_not_found_whatever_the_method(api: Caller, address: str, method: str) -> None:
    answer = api.call(method, address)

    assert answer.status_code == 404
    if method != "HEAD":
        assert failure(answer) == {"status": 404, "error": "Not found.", "code": "not_found"}


def test_head_answers_as_get_without_a_body(api: Caller) -> None:
    answer = api.call("HEAD", STATIONS)

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.looks
@pytest.mark.parametrize(
    "accept",
    [
        "application/json; version=1",
        "application/json;version=1;q=0.5, */*;q=0.1",
        "application/json; version=2, application/json; version=1",
        "*/*; version=1",
        "application/json",
        "*/*",
        "text/html;q=0.1, application/json",
        "application/*",
    ],
)
def test_the_version_is_chosen_by_the_accept_header(api: Caller, accept: str) -> None:
    answer = api.get(STATIONS, Accept=accept)

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")


@pytest.mark.looks
@pytest.mark.parametrize("accept", ["application/json; version=2", "*/*; version=0", "application/json; version=é"])
def test_an_unknown_version_is_answered_with_those_there_are(api: Caller, accept: str) -> None:
    assert failure(api.get(STATIONS, Accept=accept)) == {
        "status": 406,
        "error": "This version of the API does not exist. Request one of: 1.",
        "code": "not_acceptable",
        "data": {"versions": ["1"]},
    }


@pytest.mark.looks
@pytest.mark.parametrize("accept", ["text/csv", "text/html", "application/json;q=0", "nonsense", ";", "x" * 20_000])
def test_an_unknown_format_is_refused(api: Caller, accept: str) -> None:
    assert failure(api.get(STATIONS, Accept=accept)) == {
        "status": 406,
        "error": "This format is not available. Request application/json.",
        "code": "not_acceptable",
    }


@pytest.mark.looks
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "x" * 2000]
)
def test_a_body_that_is_not_said_to_be_json_is_refused(api: Caller, kind: str) -> None:
    assert failure(api.call("POST", SEARCH, '{"q": "ana"}', kind)) == {
        "status": 415,
        "error": "Send JSON with Content-Type: application/json.",
        "code": "unsupported_media_type",
    }


@pytest.mark.looks
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("{", "The body is not JSON."),
        ('{"q": NaN}', "The body is not JSON."),
        (b'{"q": "\xff"}', "The body is not JSON."),
        ('{"q": "\\ud800"}', "The body is not JSON."),
        ("[" * 5000, "The body is not JSON."),
        ("[]", "The body must be a JSON object."),
        ("null", "The body must be a JSON object."),
        ('"q"', "The body must be a JSON object."),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(api: Caller, body: str | bytes, sentence: str) -> None:
    assert failure(api.call("POST", SEARCH, body)) == {"status": 400, "error": sentence, "code": "invalid"}


def test_a_body_without_its_length_is_refused(api: Caller) -> None:
    """No server here reads chunks: without this, what was sent would seem empty."""
    answer = api.client.generic(
        "POST", SEARCH, "", "application/json", headers={**api.headers, "Transfer-Encoding": "chunked"}
    )

    assert failure(answer) == {
        "status": 400,
        "error": "Send the body with a Content-Length, not in chunks.",
        "code": "invalid",
    }


@pytest.mark.parametrize("session", [False, True])
def test_a_body_that_is_too_large_is_refused(staff: User, session: bool) -> None:
    body = json.dumps({"q": "x" * 1024 * 1024})

    assert failure(Caller(staff, session=session).call("POST", SEARCH, body)) == {
        "status": 413,
        "error": "The request is too large. Send less at once.",
        "code": "too_large",
    }


def test_an_address_with_too_many_parameters_is_refused(api: Caller, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 3

    assert status_and_code(api.get(f"{LIST}?a=1&b=2&c=3&d=4")) == (400, "invalid")


def test_a_foreign_host_is_refused_in_the_envelope(api: Caller) -> None:
    assert status_and_code(api.get(STATIONS, Host="evil.example.com")) == (400, "invalid")


def test_errors_are_shown_to_each_in_their_language(api: Caller) -> None:
    """REST framework's fields go on in the language in which they first said it."""
    address = f"{WEEK}&station={'x' * 65}"
    told_in = {
        language: failure(api.get(address, Accept_Language=language))["error"] for language in ("de", "en", "es")
    }

    assert told_in["en"] == "station: Ensure this field has no more than 64 characters."
    assert len(set(told_in.values())) == 3


# --- what goes wrong on our side -----------------------------------------------------------------------------------------


def break_queries(error: type[Exception]) -> Any:
    """Every query fails so, as when the database is away."""

    def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        raise error("secret ana@example.com")

    return connection.execute_wrapper(fail)


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize("session", [False, True])
def test_a_database_that_is_away_is_said_to_be_busy(staff: User, session: bool, error: type[Exception]) -> None:
    caller = Caller(staff, session=session)

    with break_queries(error):
        answer = caller.get(STATIONS)

    assert failure(answer) == {
        "status": 503,
        "error": "The service is busy. Try again in a moment.",
        "code": "unavailable",
    }


def test_a_page_whose_database_is_away_says_so(staff: User) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(staff)

    with break_queries(OperationalError):
        answer = client.get("/calendar/week/")

    assert answer.status_code == 503
    assert "The service is busy. Try again in a moment." in answer.content.decode()


@pytest.mark.parametrize("session", [False, True])
def test_a_crash_says_nothing_but_its_request_id(staff: User, session: bool) -> None:
    caller = Caller(staff, session=session, raise_request_exception=False)

    with break_queries(RuntimeError):
        answer = caller.get(STATIONS)

    assert failure(answer) == {
        "status": 500,
        "error": "Something went wrong on our side. Try again in a moment.",
        "code": "server_error",
    }


def test_a_refused_write_leaves_nothing_behind(api: Caller, station: Station) -> None:
    api.post(LIST, {"station": "kitchen", "date": "2031-03-07", "slot": "18:15", "party_adults": 2})

    assert not Booking.objects.exists()


def test_answers_with_personal_data_are_kept_by_nobody(api: Caller, station: Station) -> None:
    made = booking(station)

    assert api.get(f"{LIST}{made.pk}/").headers["Cache-Control"] == "no-store"
