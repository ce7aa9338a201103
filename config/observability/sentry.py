"""Crashes told to Sentry, where SENTRY_DSN names one: what kind of error, where in our code, and in which request.

What leaves is made anew out of what is known to be harmless. Nothing is taken out of what the library collects, for what it
collects next year nobody knows: not the error's own words, no values of variables, nothing of the request but its id and the
template of its address.
"""

from typing import TYPE_CHECKING, Any, Final, cast

from django.conf import settings
from django.http import HttpRequest

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

OF_AN_EVENT: Final = ("event_id", "timestamp", "platform", "level", "environment", "tags")
OF_A_FRAME: Final = ("filename", "function", "module", "lineno", "in_app")


def begin(dsn: str, *, sample: float, production: bool) -> None:
    """From here on crashes are told. `sample` is the share of them that is: 1 for all."""
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.excepthook import ExcepthookIntegration

    sentry_sdk.init(
        dsn,
        sample_rate=sample,
        environment="production" if production else "local",
        release="",
        server_name="",
        before_send=_harmless,
        default_integrations=False,
        integrations=[ExcepthookIntegration(), AtexitIntegration(callback=lambda *_waiting: None)],
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
    )


def crash(request: HttpRequest, error: BaseException) -> None:
    """A request that nothing could answer."""
    if not settings.SENTRY_DSN:
        return
    import sentry_sdk

    from config.observability.routes import route_of

    with sentry_sdk.new_scope() as scope:
        scope.set_tag("request", request.request_id)  # type: ignore[attr-defined]
        scope.set_tag("route", route_of(request))
        scope.set_tag("method", request.method)
        sentry_sdk.capture_exception(error)


def _harmless(event: "Event", hint: "Hint") -> "Event":
    told: dict[str, Any] = {name: event[name] for name in OF_AN_EVENT if name in event}
    errors = (event.get("exception") or {}).get("values", [])
    told["exception"] = {"values": [_error(one) for one in errors]}
    return cast("Event", told)


def _error(said: dict[str, Any]) -> dict[str, Any]:
    frames = (said.get("stacktrace") or {}).get("frames", [])
    kept = [{name: frame[name] for name in OF_A_FRAME if name in frame} for frame in frames]
    return {"type": said.get("type"), "module": said.get("module"), "stacktrace": {"frames": kept}}
