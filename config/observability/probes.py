"""What machines ask that watch the product: answered before any session, host name or way to https is looked at.

A probe comes from inside, by plain HTTP and under whatever name it knows the machine by.
"""

from collections.abc import Callable, Mapping
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from config.observability import health, prometheus

Handler = Callable[[HttpRequest], HttpResponse]

ADDRESSES: Final[Mapping[str, Handler]] = {**health.ADDRESSES, "/metrics": prometheus.exposed}


def probes(get_response: Handler) -> Handler:
    def handle(request: HttpRequest) -> HttpResponse:
        answer = ADDRESSES.get(request.path_info)
        if answer is None:
            return get_response(request)
        request.route = request.path_info  # type: ignore[attr-defined]
        return answer(request) if request.method in ("GET", "HEAD") else HttpResponseNotAllowed(["GET", "HEAD"])

    return handle
