"""Logs and counts each request once, whatever responds to it."""

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


class QueryCounter(local):
    """Counts the statements of this thread's request, and the database's errors."""

    def __init__(self) -> None:
        self.count = 0
        self._wrapper = self._execute

    def reset(self) -> None:
        """Count from zero. The wrapper is installed once: connections stay with their thread."""
        self.count = 0
        if self._is_installed(connections[DEFAULT_DB_ALIAS]):  # and so on the others, which were opened with it
            return
        for connection in connections.all():
            if not self._is_installed(connection):
                connection.execute_wrappers.insert(0, self._wrapper)

    def _execute(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        self.count += 1
        try:
            return execute(sql, params, many, context)
        except Error as error:
            metrics.count_database_error(error)
            raise

    def _is_installed(self, connection: BaseDatabaseWrapper) -> bool:
        return self._wrapper in connection.execute_wrappers[:1]


_queries = QueryCounter()
_metrics: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
"""By route, method and status class: looking them up in prometheus_client takes longer than counting."""


def log_requests(get_response: Handler) -> Handler:
    """Log and count requests. Only the middleware that gives them their ID comes before."""

    def handle(request: HttpRequest) -> HttpResponse:
        began = perf_counter()
        request.queue_seconds = seconds_in_queue(request.META, now=time(), perf_now=began)  # type: ignore[attr-defined]
        _queries.reset()
        metrics.REQUESTS_IN_PROGRESS.inc()
        request.log_fields = {}  # type: ignore[attr-defined]
        with noting(request.log_fields):  # type: ignore[attr-defined]
            response: Any = get_response(request)
        if response.streaming and not isinstance(response, FileResponse):
            response.streaming_content = _stream(request, response.streaming_content)
        # The request ends when the server closes the response, after sending it or failing to.
        response._resource_closers.append(partial(_log_and_count, request, response, began))
        return cast("HttpResponse", response)

    return handle


def _log_and_count(request: HttpRequest, response: HttpResponseBase, began: float) -> None:
    seconds, queued = perf_counter() - began, request.queue_seconds  # type: ignore[attr-defined]
    method = request.method if request.method in METHODS else "OTHER"
    route, status = route_of(request), response.status_code
    count, duration = _metrics_of(route, str(method), f"{status // 100}xx")
    count.inc()
    duration.observe(queued + seconds)
    metrics.QUEUE_SECONDS.observe(queued)
    metrics.REQUESTS_IN_PROGRESS.dec()
    log.info(
        "request",
        extra={
            "fields": {
                "request": request.request_id,  # type: ignore[attr-defined]
                "user": user_id_of(request),
                "method": method,
                "route": route,
                "status": status,
                "ms": round(seconds * 1000, 1),
                "queue_ms": round(queued * 1000, 1),
                "queries": _queries.count,
                **request.log_fields,  # type: ignore[attr-defined]
            }
        },
    )


def _metrics_of(route: str, method: str, status: str) -> tuple[Counter, Histogram]:
    found = _metrics.get((route, method, status))
    if found is None:
        found = metrics.REQUESTS.labels(route, method, status), metrics.REQUEST_SECONDS.labels(route, method)
        _metrics[route, method, status] = found
    return found


class ResponseInterrupted(Exception):
    """Sending a response failed. Raised instead of the original error, whose message the server would write to its log."""


def _stream(request: HttpRequest, chunks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from chunks
    except Exception as error:
        fields = {"request": request.request_id, "route": route_of(request)}  # type: ignore[attr-defined]
        log.error("Response interrupted.", extra={"fields": {**fields, "error": logs.describe_error(error)}})
        sentry.capture(request, error)
        is_interrupted = True
    else:
        is_interrupted = False
    if is_interrupted:  # outside of the handler, so that the new error does not carry the original one
        raise ResponseInterrupted


def user_id_of(request: HttpRequest) -> int | None:
    """The primary key of the request's user if something has loaded the user; it is not loaded for this."""
    user = request.__dict__.get("user")
    if isinstance(user, LazyObject) and user.__dict__.get("_wrapped") is empty:
        return None
    return None if isinstance(user, AnonymousUser) else getattr(user, "pk", None)
