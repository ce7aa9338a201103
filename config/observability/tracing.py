"""Traces of requests and their statements by OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT says whereto.

The spans are our own, and hold what the log holds: the template of an address, never the address; a statement with the places for
its values, never the values. The libraries that would make them by themselves begin with the address and the caller's headers.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from config.observability.routes import METHODS, route_of

Handler = Callable[[HttpRequest], HttpResponse]

_provider = TracerProvider(resource=Resource({"service.name": "stationbook"}).merge(OTELResourceDetector().detect()))
_provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
_tracer = _provider.get_tracer("stationbook")


def traced(get_response: Handler) -> Handler:
    """A span around each request."""

    def handle(request: HttpRequest) -> HttpResponse:
        with ExitStack() as stack:
            span = stack.enter_context(_span("request", SpanKind.SERVER, context=_parent(request)))
            for connection in connections.all():
                stack.enter_context(connection.execute_wrapper(_statement))
            response = get_response(request)
            method = request.method if request.method in METHODS else "OTHER"
            span.update_name(f"{method} {route_of(request)}")
            span.set_attribute("http.request.method", str(method))
            span.set_attribute("http.route", route_of(request))
            span.set_attribute("http.response.status_code", response.status_code)
            span.set_attribute("stationbook.request", request.request_id)  # type: ignore[attr-defined]
            if response.status_code >= 500:
                span.set_status(StatusCode.ERROR)
            return response

    return handle


def _span(name: str, kind: SpanKind, context: Context | None = None) -> Any:
    """One that keeps no words of an error that passes by."""
    return _tracer.start_as_current_span(
        name, kind=kind, context=context, record_exception=False, set_status_on_exception=False
    )


def _parent(request: HttpRequest) -> Context | None:
    """The trace that a proxy of our own has begun. Whoever else calls cannot say what belongs together."""
    if not (settings.TRUSTED_PROXIES and "traceparent" in request.headers):
        return None
    return TraceContextTextMapPropagator().extract({"traceparent": request.headers["traceparent"]})


def _statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    text = str(sql)
    with _span(text.partition(" ")[0], SpanKind.CLIENT) as span:
        span.set_attribute("db.system.name", context["connection"].vendor)
        span.set_attribute("db.query.text", text)
        try:
            return execute(sql, params, many, context)
        except Exception as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def flush() -> None:
    """Send what waits."""
    _provider.force_flush()
