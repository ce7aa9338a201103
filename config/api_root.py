"""Where a person begins to browse the API, its description, and the answer for addresses that do not exist."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts import roles
from config.api import ApiView, JsonRenderer, success
from config.openapi import documented, whole

ROOMS = {
    "stations": "api-stations",
    "bookings": "api-bookings",
    "customer search": "api-customer-search",
    "description": "api-schema",
    "documentation": "api-docs",
}


class Root(ApiView):
    """Stationbook's API. Each address below can be opened, read and, where you may, written from this page."""

    rights = {"GET": roles.API}

    @documented("Where to go from here", whole("Addresses"))
    def get(self, request: Request) -> Response:
        return success({name: reverse(address, request=request) for name, address in ROOMS.items()})


@extend_schema(exclude=True)
class SchemaView(ApiView, SpectacularAPIView):
    """The OpenAPI document, as JSON or YAML."""

    rights = {"GET": roles.API}
    renderer_classes = (OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer, OpenApiYamlRenderer2)
    versioning_class = None

    def handle_exception(self, error: Exception) -> Response:
        """A failure speaks the envelope's JSON, whatever form of the document was asked for."""
        response: Response = super().handle_exception(error)
        self.request.accepted_renderer, self.request.accepted_media_type = JsonRenderer(), "application/json"
        return response


@extend_schema(exclude=True)
class Docs(ApiView):
    """The OpenAPI document for people, by Swagger UI from the product's own files."""

    rights = {"GET": roles.API}

    def get(self, request: Request) -> HttpResponse:
        return render(request._request, "api_docs.html")


@extend_schema(exclude=True)
class Nowhere(ApiView):
    """No such address: said in the envelope, whatever the method."""

    rights: dict[str, str] = {}

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        self.http_method_not_allowed = self._missing  # type: ignore[method-assign]
        return super().dispatch(request, *args, **kwargs)

    def _missing(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise Http404
