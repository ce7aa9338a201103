"""OpenTelemetry traces of requests and database statements, sent to OTEL_EXPORTER_OTLP_ENDPOINT.

Spans have what the log has: the route instead of the URL, and statements with placeholders instead of values. OpenTelemetry's own
instrumentation of Django would record URLs and headers.
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


def trace_requests(get_response: Handler) -> Handler:
    """Record a span for each request."""

    def handle(request: HttpRequest) -> HttpResponse:
        with ExitStack() as stack:
            span = stack.enter_context(_span("request", SpanKind.SERVER, context=_parent(request)))
            for connection in connections.all():
                stack.enter_context(connection.execute_wrapper(_trace_statement))
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
    """A span that does not record the message of an error."""
    return _tracer.start_as_current_span(
        name, kind=kind, context=context, record_exception=False, set_status_on_exception=False
    )


def _parent(request: HttpRequest) -> Context | None:
    """The trace context of a trusted proxy. Without one, the client's header is ignored."""
    if not (settings.TRUSTED_PROXIES and "traceparent" in request.headers):
        return None
    return TraceContextTextMapPropagator().extract({"traceparent": request.headers["traceparent"]})


def _trace_statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
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
    """Send all pending spans."""
    _provider.force_flush()
