"""The envelope of API responses, and the one place where exceptions become error responses."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from django.core.exceptions import RequestDataTooBig
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from core import metrics
from core.db.disk_full import is_disk_full
from core.errors import DomainError, NotFound, NotPermitted, http_status
from core.web import error_pages
from core.web.error_json import error_body
from core.web.error_pages import is_away

log = logging.getLogger(__name__)

CODES: Final = ("invalid_date", "invalid_slot", "invalid_range", "required", "invalid")
"""Codes of invalid input, the most specific first: a response with several invalid fields has the first that applies."""

SELF_EXPLAINING: Final = ("invalid_date", "invalid_slot", "invalid_range")
"""Codes whose messages need no field name in front."""

SENTENCES: Final = {
    "not_authenticated": _("Please sign in: send an access token, or sign in with the browser."),
    "permission_denied": NotPermitted.sentence,
    "method_not_allowed": _("Method not allowed. The Allow header lists the methods you can use."),
    "unsupported_media_type": _("Send JSON with Content-Type: application/json."),
}
"""Messages that replace those of Django and REST framework, by code."""


class View(Protocol):
    """The part of a view that error responses need."""

    def api_field_name(self, field: str) -> str:
        """The API's name of a field that a service rejected."""

    def error_data(self, error: DomainError) -> Any:
        """The `data` of the error response, such as the current state of a stale booking; None for none."""


def success(data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """A successful response in the envelope; an unpaginated list gets a `total_count`."""
    if isinstance(data, list) and not more:
        more = {"total_count": len(data)}
    return Response({"success": True, "data": data, **more}, status=status, headers=dict(headers or {}))


@dataclass
class Failure:
    """The contents of an error response."""

    status: int
    code: str
    error: Any
    errors: Mapping[str, Sequence[Any]] | None = None
    data: Any = None

    def response(self, request: Request) -> Response:
        body = error_body(request._request, self.code, self.error, errors=self.errors, data=self.data)
        return Response(body, status=self.status)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """The error response to an exception of a view; None for a crash, which `config.errors` handles."""
    request, view = context["request"], context["view"]
    failure = _failure(error, view)
    if failure is None:
        return None
    metrics.count_refusal(failure.code)
    response = failure.response(request)
    if challenge := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = challenge
    if (wait := _seconds(error)) is not None:
        response["Retry-After"] = str(wait)
    return response


def _seconds(error: Exception) -> int | None:
    """How many seconds a throttled caller should wait; None for other errors."""
    wait = getattr(error, "wait", None)
    return None if wait is None else max(1, math.ceil(wait))


def _failure(error: Exception, view: View) -> Failure | None:
    if isinstance(error, Http404):
        error = NotFound()
    if isinstance(error, DomainError):
        errors = {view.api_field_name(name): texts for name, texts in error.fields.items()}
        return Failure(http_status(error.code), error.code, error, errors, view.error_data(error))
    if isinstance(error, RequestDataTooBig):
        return Failure(413, "too_large", error_pages.SENTENCES[413])
    if is_away(error):
        log.error("The database does not respond.", exc_info=error)
        metrics.count_database_error(error)
        return Failure(503, "unavailable", error_pages.DISK_FULL if is_disk_full(error) else error_pages.SENTENCES[503])
    if isinstance(error, exceptions.ValidationError):
        return _malformed(error)
    return _of_rest_framework(error) if isinstance(error, exceptions.APIException) else None


def _of_rest_framework(error: exceptions.APIException) -> Failure:
    code = str(error.get_codes())
    if code == "parse_error":
        return Failure(400, "invalid", error.detail)
    if (wait := _seconds(error)) is not None:
        return Failure(error.status_code, code, error_pages.TRY_AGAIN_LATER % {"wait": wait})
    return Failure(error.status_code, code, SENTENCES.get(code, error.detail), data=getattr(error, "data", None))


def _malformed(error: exceptions.ValidationError) -> Failure:
    """All invalid fields; code and message are those of the field whose code comes first in `CODES`."""
    faults = _flat(error.get_full_details())
    errors = {name: [fault["message"] for fault in found] for name, found in faults.items()}
    each = ((_rank(fault["code"]), name, fault["message"]) for name, found in faults.items() for fault in found)
    rank, name, message = min(each, key=lambda fault: fault[0])
    sentence = message if CODES[rank] in SELF_EXPLAINING else f"{name}: {message}"
    return Failure(400, CODES[rank], sentence, errors)


def _rank(code: str) -> int:
    return CODES.index(code) if code in CODES else CODES.index("invalid")


def _flat(details: Any, prefix: str = "") -> dict[str, list[dict[str, Any]]]:
    """Flatten nested details to lists of message and code by dotted field name."""
    if isinstance(details, list):
        return {prefix or "body": details}
    found: dict[str, list[dict[str, Any]]] = {}
    for name, inner in details.items():
        own = "" if name == api_settings.NON_FIELD_ERRORS_KEY else name
        found |= _flat(inner, ".".join(part for part in (prefix, own) if part))
    return found
