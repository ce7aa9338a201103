"""Django's error handlers: an error page, or the JSON envelope under `/api/`."""

import sys

from django.http import HttpRequest, HttpResponse

from config.observability import sentry
from core import metrics
from core.db.disk_full import is_disk_full
from core.web.error_pages import DISK_FULL, answer, is_away


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    error = sys.exception()
    if is_away(error):
        metrics.count_database_error(error)
        return answer(request, 503, sentence=str(DISK_FULL) if is_disk_full(error) else None)
    if error:
        sentry.capture(request, error)
    return answer(request, 500)
