"""Routers whose URLs match with and without their final slash."""

from typing import Any

from django.urls import URLPattern
from rest_framework.routers import DynamicRoute, Route, SimpleRouter

from core.web.routes import api_path


class OptionalSlashRouter(SimpleRouter):
    """Routes viewsets without redirects between `/path` and `/path/`.

    Links to a list or an object end in a slash, unless `trailing_slash` is False; those to an extra action do not, unless its
    `url_path` does.
    """

    routes: list[Route | DynamicRoute] = [
        route._replace(url=route.url.replace("{url_path}{trailing_slash}", "{url_path}"))
        for route in SimpleRouter.routes
    ]

    def __init__(self, *, trailing_slash: bool = True) -> None:
        super().__init__(trailing_slash=trailing_slash, use_regex_path=False)

    def get_urls(self) -> list[Any]:
        urls = (url for url in super().get_urls() if isinstance(url, URLPattern))
        return [api_path(str(url.pattern), url.callback, url.name or "") for url in urls]
