"""Which route a request matched, as logs and metrics name it."""

from typing import Final

from django.conf import settings
from django.http import HttpRequest

METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))
FILES: Final = "(files)"
UNKNOWN: Final = "(unknown)"
NOWHERE: Final = {"api-not-found": "/api/(unknown)"}
"""Addresses that take whatever is left."""


def route_of(request: HttpRequest) -> str:
    """The address's template, such as /bookings/<uuid:booking_id>/move/; never what somebody typed."""
    if known := getattr(request, "route", None):
        return str(known)
    if found := request.resolver_match:
        return NOWHERE.get(str(found.url_name)) or f"/{found.route}"
    return FILES if request.path_info.startswith(settings.STATIC_URL) else UNKNOWN
