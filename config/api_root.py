"""Where a person begins to browse the API, its description, and the answer for addresses that do not exist."""

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
from accounts.api.base import ApiView
from config.api_schema import document
from core.api.browsable import BrowsableRenderer
from core.api.negotiation import HTML, JsonRenderer, Negotiation, NotAcceptable
from core.api.openapi import documented, documented_as, whole
from core.api.responses import success
from core.errors import NotFound

ROOMS = {
    "stations": "api-stations",
    "bookings": "api-bookings",
    "week": "api-weekly",
    "month": "api-monthly",
    "customer_search": "api-customer-search",
    "schema": "api-schema",
    "docs": "api-docs",
}


class Root(ApiView):
    """Each address below can be opened here and read, and where you may, written."""

    rights = {"GET": roles.API}

    @documented("Where to go from here", whole("Addresses"))
    def get(self, request: Request) -> Response:
        return success({name: reverse(address, request=request) for name, address in ROOMS.items()})


class DocumentView(ApiView):
    """An address that answers everybody with a document: its failures still speak the envelope.

    Nobody is authenticated or counted: the document is the same for all, and is rendered once a process.
    """

    authentication_classes: Any = ()
    permission_classes: Any = ()
    throttle_classes: Any = ()

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        found = super().finalize_response(request, response, *args, **kwargs)
        if found.exception:
            spoken = [JsonRenderer(), BrowsableRenderer()]
            try:
                negotiated = Negotiation().select_renderer(request, spoken)
            except NotAcceptable:
                negotiated = spoken[0], spoken[0].media_type
            found.accepted_renderer, found.accepted_media_type = negotiated
        return found


class RenderedOnce(BaseRenderer):
    """Keeps the OpenAPI document as it was rendered: as YAML that takes a second."""

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> Any:
        if data is not document():
            return super().render(data, accepted_media_type, {})
        return self._rendered(settings.PUBLIC_URL)

    @classmethod
    @cache
    def _rendered(cls, _public_url: str) -> Any:
        return super().render(cls(), document(), None, {})


class Json(RenderedOnce, OpenApiJsonRenderer):
    pass


class PlainJson(RenderedOnce, OpenApiJsonRenderer2):
    pass


class Yaml(RenderedOnce, OpenApiYamlRenderer):
    pass


class PlainYaml(RenderedOnce, OpenApiYamlRenderer2):
    pass


class Schema(DocumentView):
    """The OpenAPI document, as JSON or YAML."""

    renderer_classes = (Json, PlainJson, Yaml, PlainYaml)

    @documented_as("This document", [one.media_type for one in renderer_classes])
    def get(self, request: Request) -> Response:
        return Response(document())


# Swagger UI draws its icons from data: addresses in its own style sheet.
@method_decorator(csp_update({"img-src": ["data:"]}), name="dispatch")
class Docs(DocumentView):
    """The OpenAPI document for people, by Swagger UI from the product's own files."""

    renderer_classes = (TemplateHTMLRenderer,)

    @documented_as("This document, for people", [HTML])
    def get(self, request: Request) -> Response:
        return Response(template_name="api_docs.html")


@extend_schema(exclude=True)
class Nowhere(ApiView):
    """No such address: said in the envelope, whatever the method, to those who are signed in."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound
