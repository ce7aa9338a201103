"""Where a person begins to browse the API, its description, and the answer for addresses that do not exist."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts import roles
from config.api import ApiView, success
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


class SchemaView(ApiView, SpectacularAPIView):
    """The OpenAPI document, as JSON or YAML."""

    rights = {"GET": roles.API}
    renderer_classes = SpectacularAPIView.renderer_classes
    versioning_class = None


class Docs(ApiView, SpectacularSwaggerView):
    """The OpenAPI document for people, by Swagger UI from the product's own files."""

    rights = {"GET": roles.API}
    versioning_class = None


@extend_schema(exclude=True)
class Nowhere(ApiView):
    """No such address: said in the envelope, whatever the method."""

    rights: dict[str, str] = {}

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        self.http_method_not_allowed = self._missing  # type: ignore[method-assign]
        return super().dispatch(request, *args, **kwargs)

    def _missing(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise Http404
