"""HTTP statuses of error codes, and the JSON body of errors."""

import pytest
from django.test import RequestFactory

from core.errors import http_status, page_status
from core.web.error_json import error_body, error_json
from core.web.error_pages import CODES, SENTENCES


@pytest.mark.parametrize(
    ("code", "api", "page"),
    [("slot_full", 400, 400), ("not_found", 404, 404), ("duplicate", 409, 409), ("stale", 412, 409)],
)
def test_code_has_one_status_but_stale_pages_have_no_precondition(code: str, api: int, page: int) -> None:
    assert (http_status(code), page_status(code)) == (api, page)


def test_error_pages_have_a_code_and_a_message_for_the_same_statuses() -> None:
    assert CODES.keys() == SENTENCES.keys()
    assert [http_status(code) for code in CODES.values()] == list(CODES)


def test_error_body_has_only_the_parts_that_there_are() -> None:
    request = RequestFactory().get("/")
    request.request_id = "7d1c"  # type: ignore[attr-defined]

    whole = error_body(request, "stale", "Changed.", errors={"date": ["Wrong."]}, data={"version": 2})

    assert whole == {
        "success": False,
        "error": "Changed.",
        "code": "stale",
        "errors": {"date": ["Wrong."]},
        "data": {"version": 2},
        "request_id": "7d1c",
    }
    assert error_body(request, "past", "Past.", errors={}) == {
        "success": False,
        "error": "Past.",
        "code": "past",
        "request_id": "7d1c",
    }


def test_error_json_has_the_status_of_its_code() -> None:
    assert error_json(RequestFactory().get("/"), "not_authenticated", "Signed out.").status_code == 401
