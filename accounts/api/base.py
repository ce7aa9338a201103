"""The base of all API views: who calls, how often, with which permission, and which version of the API."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from accounts import roles
from accounts.audit import bulk_reads, origin
from accounts.auth.authentication import BearerAuthentication, KeyAuthentication, SessionAuthentication
from accounts.auth.rate_limits import EachUser
from accounts.models import User
from accounts.rls import session
from core.api.browsable import BrowsableRenderer
from core.api.browsable_actions import Door
from core.api.negotiation import HTML, AcceptVersioning, JsonParser, JsonRenderer, Negotiation
from core.api.serializers import StrictSerializer
from core.errors import DomainError

ASKED: Final = frozenset(("station", "code", "date_from", "date_to", "status", "customer", "customer_id", "booking_id"))
"""What the log says of what was asked for: which station, days, booking or customer, by their ids; no word of anybody's."""
PLAIN: Final = r"[\w-]{1,40}"


# --- requests --------------------------------------------------------------------------------------------------------


class HasRight(BasePermission):
    """The API's own right, and the one that the view names for the method; both at some station of the person's."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        mine = isinstance(view, ApiView) and view.may(request.method or "")
        return mine and isinstance(request.user, User) and request.user.has_a_station


class ApiView(APIView):
    """A view of the API. Looks at a request in the order that callers rely on: who, how often, which right, which version."""

    authentication_classes = (KeyAuthentication, BearerAuthentication, SessionAuthentication)
    permission_classes = (HasRight,)
    throttle_classes: tuple[type[BaseThrottle], ...] = (EachUser,)
    content_negotiation_class = Negotiation
    renderer_classes: tuple[type[BaseRenderer], ...] = (JsonRenderer, BrowsableRenderer)
    parser_classes = (JsonParser,)
    versioning_class = AcceptVersioning
    http_method_names = ["get", "head", "post", "patch"]
    rights: Mapping[str, str] = {}
    """The right that a method needs where that is not seeing the calendar."""
    examples: Mapping[str, Any] = {}
    """A body to begin with, by method, for somebody who browses."""
    query: "type[StrictSerializer] | None" = None
    """What GET takes in its query."""
    cache = "no-store"
    """The Cache-Control of its answers."""
    reads: "Sequence[bulk_reads.Read]" = ()
    """The personal data that the answer holds, for the audit log."""

    @classmethod
    def as_view(cls, **given: Any) -> Any:
        return session.knows_its_people(super().as_view(**given))

    def may(self, method: str) -> bool:
        """Whether the caller's groups let them use a method here."""
        right = self.rights.get("GET" if method == "HEAD" else method, roles.VIEW)
        return bool(self.request.user.has_perms([roles.API, right]))

    def data_of(self, error: DomainError) -> Any:
        """What the refused may be shown to go on from; None for nothing."""
        return None

    def name_of(self, field: str) -> str:
        """What the caller called a field that a service found at fault."""
        return field

    def doors(self, data: Any) -> "list[Door]":
        """What somebody who browses may do next with what they see: by default, this address's own writes."""
        return [
            Door(method, self.request.path, body)
            for method, body in self.examples.items()
            if not self.permission_classes or self.may(method)
        ]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.format_kwarg = None
        try:
            self.perform_authentication(request)
            if self.permission_classes and not request.user.is_authenticated:
                raise exceptions.NotAuthenticated
            self.check_throttles(request)
        finally:
            session.stand_before(request.user)
        self.check_permissions(request)
        negotiated = self.perform_content_negotiation(request)
        request.accepted_renderer, request.accepted_media_type = negotiated
        request.version, request.versioning_scheme = self.determine_version(request, *args, **kwargs)
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            raise exceptions.ParseError(_("Send the body in one piece, with its Content-Length."))

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Whoever is told something here, customers' contact included, stands in the log with what they asked for; of what was
        refused nobody has looked at that. What may be kept to ask for again are a program's answers: neither a page that a
        browser shows, nor a refusal.
        """
        response = super().finalize_response(request, response, *args, **kwargs)
        by_browser = getattr(response, "accepted_media_type", "") == HTML
        if response.status_code >= 400 or by_browser or request.method not in ("GET", "HEAD"):
            response["Cache-Control"] = "no-store"
        if by_browser and response.has_header("ETag") and request.method in ("GET", "HEAD"):
            del response["ETag"]  # of the answer to a program
        if response.status_code < 500 and request.user.pk:
            _tell(request, response.status_code)
        if self.reads and response.status_code < 300 and (due := bulk_reads.tally.add(self.reads, by=request.user)):
            written = partial(bulk_reads.write, due)
            response._resource_closers.append(written)  # type: ignore[attr-defined]  # once the answer is sent
        if isinstance(response, Response):  # and no stream
            response.add_post_render_callback(_let_go)
        return response

    @property
    def default_response_headers(self) -> dict[str, str]:
        vary = "Accept, Accept-Encoding, Authorization, Cookie, Accept-Language"
        return {"Allow": ", ".join(self.allowed_methods), "Vary": vary, "Cache-Control": self.cache}


def _let_go(response: Response) -> None:
    """An answer's context knows the answer: in that circle thousands of rows would lie about, written long since, until Python
    looks for garbage."""
    response.data = response.renderer_context = None  # type: ignore[attr-defined]


def _tell(request: Request, status: int) -> None:
    told: dict[str, Any] = {"channel": origin.origin().channel}
    if status < 400:
        given = {**(request.parser_context or {}).get("kwargs", {}), **request.query_params.dict()}
        told["asked"] = {name: value for name, value in given.items() if name in ASKED and re.fullmatch(PLAIN, value)}
    request._request.told |= told  # type: ignore[attr-defined]
