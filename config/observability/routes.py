"""The name of a request's route in logs, metrics and traces."""

from typing import Final

from django.conf import settings
from django.http import HttpRequest

METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))
FILES: Final = "(files)"
UNKNOWN: Final = "(unknown)"
CATCH_ALL_ROUTES: Final = {"api-not-found": "/api/(unknown)"}
"""Names of the routes that match every other URL."""


def route_of(request: HttpRequest) -> str:
    """The URL's template, such as /bookings/<uuid:booking_id>/move/; never the URL itself, which may contain personal data."""
    if known := getattr(request, "route", None):
        return str(known)
    if found := request.resolver_match:
        return CATCH_ALL_ROUTES.get(str(found.url_name)) or f"/{found.route}"
    return FILES if request.path_info.startswith(settings.STATIC_URL) else UNKNOWN
