"""One line in the log, one count and one time for each request, whatever answered it."""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from threading import local
from time import perf_counter, time
from typing import Any, cast

from django.contrib.auth.models import AnonymousUser
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import LazyObject, empty
from prometheus_client import Counter, Histogram

from config.observability import logging as logs
from config.observability import sentry
from config.observability.routes import METHODS, route_of
from core import metrics
from core.log_context import noting
from core.web.queue_time import seconds_in_queue

log = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], HttpResponse]


class Tally(local):
    """The statements that this thread has sent to databases for its request."""

    statements = 0

    def send(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        self.statements += 1
        try:
            return execute(sql, params, many, context)
        except Error as error:
            metrics.count_database_error(error)
            raise

    def begin(self) -> None:
        """Stand around all that this thread's connections send. They stay a thread's for good, and so does what stands there."""
        self.statements = 0
        if self._stands_at(connections[DEFAULT_DB_ALIAS]):  # and so at the others, which began with it
            return
        for connection in connections.all():
            if not self._stands_at(connection):
                connection.execute_wrappers.insert(0, self._wrapper)

    def _stands_at(self, connection: BaseDatabaseWrapper) -> bool:
        return self._wrapper in connection.execute_wrappers[:1]

    def __init__(self) -> None:
        self._wrapper = self.send


_tally = Tally()
_meters: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}


def watch(get_response: Handler) -> Handler:
    """Stands around all that may answer, but for what gives a request its name."""

    def handle(request: HttpRequest) -> HttpResponse:
        began = perf_counter()
        request.queue_seconds = seconds_in_queue(request.META, now=time(), perf_now=began)  # type: ignore[attr-defined]
        _tally.begin()
        metrics.REQUESTS_IN_PROGRESS.inc()
        request.log_fields = {}  # type: ignore[attr-defined]
        with noting(request.log_fields):  # type: ignore[attr-defined]
            response: Any = get_response(request)
        if response.streaming and not isinstance(response, FileResponse):
            response.streaming_content = _pieces(request, response.streaming_content)
        # It ends when it is closed: the server does so once it has sent it, or could not.
        response._resource_closers.append(partial(_log_and_count, request, response, began))
        return cast("HttpResponse", response)

    return handle


def _log_and_count(request: HttpRequest, response: HttpResponseBase, began: float) -> None:
    seconds, queued = perf_counter() - began, request.queue_seconds  # type: ignore[attr-defined]
    method = request.method if request.method in METHODS else "OTHER"
    route, status = route_of(request), response.status_code
    count, latency = _meters_of(route, str(method), f"{status // 100}xx")
    count.inc()
    latency.observe(queued + seconds)
    metrics.QUEUE_SECONDS.observe(queued)
    metrics.REQUESTS_IN_PROGRESS.dec()
    log.info(
        "request",
        extra={
            "fields": {
                "request": request.request_id,  # type: ignore[attr-defined]
                "user": user_of(request),
                "method": method,
                "route": route,
                "status": status,
                "ms": round(seconds * 1000, 1),
                "queue_ms": round(queued * 1000, 1),
                "queries": _tally.statements,
                **request.log_fields,  # type: ignore[attr-defined]
            }
        },
    )


def _meters_of(route: str, method: str, status: str) -> tuple[Counter, Histogram]:
    """Looked up once each: that takes longer than to count."""
    found = _meters.get((route, method, status))
    if found is None:
        found = metrics.REQUESTS.labels(route, method, status), metrics.REQUEST_SECONDS.labels(route, method)
        _meters[route, method, status] = found
    return found


class BrokeOff(Exception):
    """An answer could not be sent to its end. For the server, which would write the words of what happened into its own log."""


def _pieces(request: HttpRequest, pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    except Exception as error:
        asked = {"request": request.request_id, "route": route_of(request)}  # type: ignore[attr-defined]
        log.error("The answer broke off.", extra={"fields": {**asked, "error": logs.describe_error(error)}})
        sentry.crash(request, error)
        broke_off = True
    else:
        broke_off = False
    if broke_off:
        raise BrokeOff


def user_of(request: HttpRequest) -> int | None:
    """The key of whoever asks, where somebody has wanted to know; nobody is looked up for it."""
    user = request.__dict__.get("user")
    if isinstance(user, LazyObject) and user.__dict__.get("_wrapped") is empty:
        return None
    return None if isinstance(user, AnonymousUser) else getattr(user, "pk", None)
