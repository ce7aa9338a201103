"""Base classes of API views and viewsets: authentication, rate limits, permissions, versions, caching and audit."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from accounts import roles
from accounts.audit import bulk_reads, origin
from accounts.auth.authentication import BearerAuthentication, KeyAuthentication, SessionAuthentication
from accounts.auth.rate_limits import UserThrottle
from accounts.models import User
from accounts.rls import session
from core.api.browsable import BrowsableRenderer
from core.api.browsable_actions import BrowsableAction
from core.api.fields import parse_uuid
from core.api.negotiation import HTML, AcceptVersioning, JsonParser, JsonRenderer, Negotiation
from core.api.serializers import StrictSerializer
from core.errors import DomainError, NotFound
from core.log_context import note_station

LOGGED_PARAMETERS: Final = frozenset(
    ("station", "code", "date_from", "date_to", "status", "customer", "customer_id", "booking_id")
)
"""URL and query parameters to log: station, days, status, and booking and customer by ID. None that a person types."""
LOGGED_VALUE: Final = r"[\w-]{1,40}"
"""Pattern of the values to log."""

REVALIDATE: Final = "private, no-cache"
"""Cache-Control of responses that the caller may store, and use again after a 304."""


class HasPermission(BasePermission):
    """The permission to use the API, and the one in the view's `perms_map`. The user must belong to a station."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        allowed = isinstance(view, ApiView) and view.is_allowed(request.method or "")
        return allowed and isinstance(request.user, User) and request.user.has_stations


class ApiView(APIView):
    """Checks authentication, rate limit, permission and API version. docs/api.md promises this order, which is not REST
    framework's own.
    """

    authentication_classes = (KeyAuthentication, BearerAuthentication, SessionAuthentication)
    permission_classes = (HasPermission,)
    throttle_classes: tuple[type[BaseThrottle], ...] = (UserThrottle,)
    content_negotiation_class = Negotiation
    renderer_classes: tuple[type[BaseRenderer], ...] = (JsonRenderer, BrowsableRenderer)
    parser_classes = (JsonParser,)
    versioning_class = AcceptVersioning
    http_method_names = ["get", "head", "post", "patch"]
    perms_map: Mapping[str, str] = {}
    """The permission that each method needs, if it is not the one to view the calendar."""
    cache_control = "no-store"
    """The Cache-Control header of successful GET responses."""
    reads: "Sequence[bulk_reads.Read]" = ()
    """The personal data in the response, for the audit log."""

    @classmethod
    def as_view(cls, *args: Any, **initkwargs: Any) -> Any:
        return session.authenticates_itself(super().as_view(*args, **initkwargs))

    def is_allowed(self, method: str) -> bool:
        """Whether the caller has the permissions that a method of this view needs."""
        permission = self.perms_map.get("GET" if method == "HEAD" else method, roles.VIEW)
        return bool(self.request.user.has_perms([roles.API, permission]))

    def error_data(self, error: DomainError) -> Any:
        """The `data` of an error response, such as the current state of a stale booking; None for none."""
        return None

    def api_field_name(self, field: str) -> str:
        """The API's name of a field that a service rejected."""
        return field

    def get_query_serializer_class(self) -> "type[StrictSerializer] | None":
        """The serializer of GET's query parameters, for the form of the browsable API."""
        return None

    def get_browsable_actions(self, data: Any) -> Sequence[BrowsableAction]:
        """The requests that the browsable API offers as forms, given the `data` of the response."""
        return []

    def perform_authentication(self, request: Request) -> None:
        """Authenticate, and record what this request writes as done by its user."""
        super().perform_authentication(request)
        user, authenticator = request.user, request.successful_authenticator
        if isinstance(user, User) and authenticator:
            origin.set_actor(user, authenticator.channel)  # type: ignore[union-attr]  # see `authentication_classes`

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.format_kwarg = None
        try:
            self.perform_authentication(request)
            if self.permission_classes and not request.user.is_authenticated:
                raise exceptions.NotAuthenticated
            self.check_throttles(request)
        finally:
            session.activate(request.user)
        self.check_permissions(request)
        negotiated = self.perform_content_negotiation(request)
        request.accepted_renderer, request.accepted_media_type = negotiated
        request.version, request.versioning_scheme = self.determine_version(request, *args, **kwargs)
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            raise exceptions.ParseError(_("Send the body with a Content-Length, not in chunks."))

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Set the caching headers, and record who read what.

        Only JSON responses may be cached and revalidated: browsable pages and refusals are sent with `no-store`. The parameters
        of refused requests are not logged, for nobody has checked them.
        """
        response = super().finalize_response(request, response, *args, **kwargs)
        by_browser = getattr(response, "accepted_media_type", "") == HTML
        if response.status_code >= 400 or by_browser or request.method not in ("GET", "HEAD"):
            response["Cache-Control"] = "no-store"
        if by_browser and response.has_header("ETag") and request.method in ("GET", "HEAD"):
            del response["ETag"]  # of the answer to a program
        if response.status_code < 500 and request.user.pk:
            _add_log_fields(request, response.status_code)
        if self.reads and response.status_code < 300 and (due := bulk_reads.tally.add(self.reads, by=request.user)):
            written = partial(bulk_reads.record_or_log, due)
            response._resource_closers.append(written)  # type: ignore[attr-defined]  # once the answer is sent
        if isinstance(response, Response):  # and no stream
            response.add_post_render_callback(_drop_references)
        return response

    @property
    def default_response_headers(self) -> dict[str, str]:
        vary = "Accept, Accept-Encoding, Authorization, Cookie, Accept-Language"
        return {"Allow": ", ".join(self.allowed_methods), "Vary": vary, "Cache-Control": self.cache_control}


class ApiViewSet(ApiView, GenericViewSet[Any]):
    """Base class of viewsets whose actions are declared with `core.api.openapi.operation`."""

    def get_serializer_class(self) -> type[StrictSerializer]:
        """The serializer of the body or, for GET, of the query that the current action declares."""
        serializer_class: type[StrictSerializer] = getattr(self, str(self.action)).serializer_class
        return serializer_class

    @property
    def object_id(self) -> UUID:
        """The UUID in the URL. Raises NotFound for anything else."""
        try:
            return parse_uuid(self.kwargs[self.lookup_url_kwarg or self.lookup_field])
        except ValueError:
            raise NotFound from None

    def get_object(self) -> Any:
        """Return the object of the URL's UUID and note its station for the log. Raises NotFound."""
        found = self.get_queryset().filter(pk=self.object_id).first()
        if found is None:
            raise NotFound
        note_station(found.station_id)
        return found

    def get_query_serializer_class(self) -> "type[StrictSerializer] | None":
        handler = getattr(self, self.action_map.get("get", ""), None)
        return getattr(handler, "serializer_class", None)

    def get_browsable_actions(self, data: Any) -> Sequence[BrowsableAction]:
        """One for each method with an example that the caller may use."""
        examples = {method.upper(): getattr(self, action).example for method, action in self.action_map.items()}
        return [
            BrowsableAction(method, self.request.path, example)
            for method, example in examples.items()
            if example and (not self.permission_classes or self.is_allowed(method))
        ]


class PublicMixin:
    """For views that do not need a signed-in user."""

    authentication_classes: Any = ()
    permission_classes: Any = ()
    throttle_classes: Any = ()


def _drop_references(response: Response) -> None:
    """Break the reference cycle response <-> renderer_context, so that large results are freed at once."""
    response.data = response.renderer_context = None  # type: ignore[attr-defined]


def _add_log_fields(request: Request, status: int) -> None:
    fields: dict[str, Any] = {"channel": origin.current_origin().channel}
    if status < 400:
        given = {**(request.parser_context or {}).get("kwargs", {}), **request.query_params.dict()}
        fields["asked"] = {
            name: value
            for name, value in given.items()
            if name in LOGGED_PARAMETERS and re.fullmatch(LOGGED_VALUE, value)
        }
    request._request.log_fields |= fields  # type: ignore[attr-defined]
