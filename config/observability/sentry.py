"""Reports crashes to Sentry if SENTRY_DSN is set: the type of the error, its stack, and the request's ID and route.

Events are built from a list of harmless fields instead of being filtered, because a later version of the library may collect
more. Error messages, values of variables and other data of the request are never sent.
"""

from typing import TYPE_CHECKING, Any, Final, cast

from django.conf import settings
from django.http import HttpRequest

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

EVENT_FIELDS: Final = ("event_id", "timestamp", "platform", "level", "environment", "tags")
FRAME_FIELDS: Final = ("filename", "function", "module", "lineno", "in_app")


def init(dsn: str, *, sample_rate: float, production: bool) -> None:
    """Start reporting. `sample_rate` is the fraction of crashes that are reported."""
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.excepthook import ExcepthookIntegration

    sentry_sdk.init(
        dsn,
        sample_rate=sample_rate,
        environment="production" if production else "local",
        release="",
        server_name="",
        before_send=_rebuild_event,
        default_integrations=False,
        integrations=[ExcepthookIntegration(), AtexitIntegration(callback=lambda *_pending: None)],
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
    )


def capture(request: HttpRequest, error: BaseException) -> None:
    """Report an error that made a request fail."""
    if not settings.SENTRY_DSN:
        return
    import sentry_sdk

    from config.observability.routes import route_of

    with sentry_sdk.new_scope() as scope:
        scope.set_tag("request", request.request_id)  # type: ignore[attr-defined]
        scope.set_tag("route", route_of(request))
        scope.set_tag("method", request.method)
        sentry_sdk.capture_exception(error)


def _rebuild_event(event: "Event", hint: "Hint") -> "Event":
    rebuilt: dict[str, Any] = {name: event[name] for name in EVENT_FIELDS if name in event}
    errors = (event.get("exception") or {}).get("values", [])
    rebuilt["exception"] = {"values": [_rebuild_error(error) for error in errors]}
    return cast("Event", rebuilt)


def _rebuild_error(error: dict[str, Any]) -> dict[str, Any]:
    frames = (error.get("stacktrace") or {}).get("frames", [])
    rebuilt = [{name: frame[name] for name in FRAME_FIELDS if name in frame} for frame in frames]
    return {"type": error.get("type"), "module": error.get("module"), "stacktrace": {"frames": rebuilt}}
