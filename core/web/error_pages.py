"""Error responses outside of views: the JSON envelope under `/api/`, an HTML page everywhere else."""

from typing import TypeGuard

from django.contrib.auth.models import AnonymousUser
from django.db import Error, InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy

from core import metrics
from core.errors import http_status
from core.web.error_json import error_json
from core.web.routes import is_api

SENTENCES = {
    400: gettext_lazy("The request could not be understood. Go back and try again."),
    403: gettext_lazy("You don't have permission to do this. Ask a manager."),
    404: gettext_lazy("This page does not exist, or it belongs to a station you don't have access to."),
    408: gettext_lazy("The request took too long to arrive. Check your connection and try again."),
    413: gettext_lazy("The request is too large. Send less at once."),
    429: gettext_lazy("Too many requests. Try again in a moment."),
    500: gettext_lazy("Something went wrong on our side. Try again in a moment."),
    503: gettext_lazy("The service is busy. Try again in a moment."),
}
"""Messages of errors that no view answered. Those of a domain error are its own."""
CODES = {
    http_status(code): code
    for code in (
        *("invalid", "permission_denied", "not_found", "request_timeout", "too_large"),
        *("throttled", "server_error", "unavailable"),
    )
}
"""The codes of those errors by status."""

DISK_FULL = gettext_lazy("The server's disk is full. Nothing was saved. Tell the person who runs the server.")

TRY_AGAIN_LATER = gettext_lazy("Too many requests. Try again in %(wait)d seconds.")

BEFORE_ALL_WORK = (408, 413, 429)
"""Statuses of requests that are refused before any database query, even before the user is loaded."""


def answer(
    request: HttpRequest, status: int, *, code: str | None = None, sentence: str | None = None, back: str = ""
) -> HttpResponse:
    """The error response for a status: JSON or a page, by the request's path. `back` is the page's link, "" for the calendar."""
    code, sentence = code or CODES[status], sentence or str(SENTENCES[status])
    if is_api(request.path_info):
        response = error_json(request, code, sentence, status=status)
        response["Cache-Control"] = "no-store"
        return response
    metrics.count_refusal(code)
    context = {"status": status, "sentence": sentence, "request_id": getattr(request, "request_id", ""), "back": back}
    if status >= 500 or status in BEFORE_ALL_WORK:
        context["user"] = AnonymousUser()  # loading the user may be what failed, or must not be tried
    return render(request, "error.html", context, status=status)


def too_many_requests(request: HttpRequest, wait: int) -> HttpResponse:
    """The response to a request over a rate limit, to be retried in `wait` seconds; JSON for a script of a page."""
    sentence = TRY_AGAIN_LATER % {"wait": wait}
    is_script = request.headers.get("Accept", "").startswith("application/json") and not is_api(request.path_info)
    response = error_json(request, CODES[429], sentence) if is_script else answer(request, 429, sentence=sentence)
    response["Retry-After"] = str(wait)
    return response


def is_away(error: BaseException | None) -> TypeGuard[Error]:
    """Whether the database is unavailable, as opposed to an invalid query.

    A connection pooler whose server dies may answer one command twice. psycopg raises InternalError for that, but without
    the SQLSTATE that a server's own internal errors have.
    """
    if isinstance(error, InternalError):
        return getattr(error.__cause__, "sqlstate", None) is None
    return isinstance(error, OperationalError | InterfaceError)


CSRF_SENTENCE = gettext_lazy("Your session has expired. Go back, reload the page and try again.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return answer(request, 403, code="csrf_failed", sentence=str(CSRF_SENTENCE))
