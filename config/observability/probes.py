"""Health checks and metrics, answered before sessions, allowed hosts and the redirect to HTTPS.

Probes come from inside the network, by plain HTTP and any host name.
"""

from collections.abc import Callable, Mapping
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from config.observability import health, prometheus

Handler = Callable[[HttpRequest], HttpResponse]

VIEWS: Final[Mapping[str, Handler]] = {**health.VIEWS, "/metrics": prometheus.metrics_view}
"""By path."""


def probes(get_response: Handler) -> Handler:
    def handle(request: HttpRequest) -> HttpResponse:
        view = VIEWS.get(request.path_info)
        if view is None:
            return get_response(request)
        request.route = request.path_info  # type: ignore[attr-defined]
        return view(request) if request.method in ("GET", "HEAD") else HttpResponseNotAllowed(["GET", "HEAD"])

    return handle
