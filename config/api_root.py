"""The API root, the OpenAPI document and its documentation page, and the view of unknown URLs."""

from functools import cache
from typing import Any

from csp.decorators import csp_update
from django.conf import settings
from django.utils.decorators import method_decorator
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer, TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts import roles
from accounts.api.base import ApiView, PublicMixin
from config.api_schema import document
from core.api.browsable import BrowsableRenderer
from core.api.negotiation import HTML, JsonRenderer, Negotiation, NotAcceptable
from core.api.openapi import document_response, operation, single
from core.api.responses import success
from core.errors import NotFound

ENDPOINTS = {
    "stations": "api-station-list",
    "bookings": "api-booking-list",
    "week": "api-calendar-weekly",
    "month": "api-calendar-monthly",
    "customer_search": "api-customer-search",
    "schema": "api-schema",
    "docs": "api-docs",
}
"""The links of the API root, by URL name."""


class RootView(ApiView):
    """The start page of the API. Follow the links to browse it."""

    perms_map = {"GET": roles.API}

    @operation("getRoot", "List endpoints", single("Addresses"))
    def get(self, request: Request) -> Response:
        return success({name: reverse(url_name, request=request) for name, url_name in ENDPOINTS.items()})


class DocumentView(PublicMixin, ApiView):
    """A document for everybody, with errors in the API's format. It is rendered once, so it needs no rate limit."""

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        if response.exception:
            renderers = [JsonRenderer(), BrowsableRenderer()]
            try:
                negotiated = Negotiation().select_renderer(request, renderers)
            except NotAcceptable:
                negotiated = renderers[0], renderers[0].media_type
            response.accepted_renderer, response.accepted_media_type = negotiated
        return response


class CachedRenderer(BaseRenderer):
    """Renders the OpenAPI document once for each process: as YAML that takes a second."""

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> Any:
        if data is not document():
            return super().render(data, accepted_media_type, {})
        return self._rendered(settings.PUBLIC_URL)

    @classmethod
    @cache
    def _rendered(cls, _public_url: str) -> Any:
        return super().render(cls(), document(), None, {})


class SchemaJsonRenderer(CachedRenderer, OpenApiJsonRenderer):
    pass


class SchemaPlainJsonRenderer(CachedRenderer, OpenApiJsonRenderer2):
    pass


class SchemaYamlRenderer(CachedRenderer, OpenApiYamlRenderer):
    pass


class SchemaPlainYamlRenderer(CachedRenderer, OpenApiYamlRenderer2):
    pass


class SchemaView(DocumentView):
    """The OpenAPI document of this API, as JSON or YAML."""

    renderer_classes = (SchemaJsonRenderer, SchemaPlainJsonRenderer, SchemaYamlRenderer, SchemaPlainYamlRenderer)

    @document_response("getSchema", "Retrieve the OpenAPI document", [one.media_type for one in renderer_classes])
    def get(self, request: Request) -> Response:
        return Response(document())


# The style sheet of Swagger UI has icons as data: URLs.
@method_decorator(csp_update({"img-src": ["data:"]}), name="dispatch")
class DocsView(DocumentView):
    """The documentation of this API as a web page."""

    renderer_classes = (TemplateHTMLRenderer,)

    @document_response("getDocs", "Open the API documentation", [HTML])
    def get(self, request: Request) -> Response:
        return Response(template_name="api_docs.html")


@extend_schema(exclude=True)
class NotFoundView(ApiView):
    """Answers unknown URLs, whatever the method, with `not_found` to signed-in callers."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound
