"""URLs under `/api/`, and routes that match with and without the final slash."""

from collections.abc import Callable
from typing import Any, Final

from django.urls import URLPattern
from django.urls.resolvers import RoutePattern

API_PREFIX: Final = "/api/"


def is_api(path: str) -> bool:
    return path.startswith(API_PREFIX) or f"{path}/" == API_PREFIX


class OptionalSlashRoute(RoutePattern):
    """A route that matches with and without its final slash; reversed URLs are as the route is written."""

    def match(self, path: str) -> tuple[str, tuple[Any, ...], dict[str, Any]] | None:
        found, route = super().match(path), str(self)
        if found or not route:
            return found
        if route.endswith("/"):
            return None if path.endswith("/") else super().match(f"{path}/")
        return super().match(path.removesuffix("/"))


def api_path(route: str, view: Callable[..., Any], name: str) -> URLPattern:
    return URLPattern(OptionalSlashRoute(route, name=name, is_endpoint=True), view, name=name)
