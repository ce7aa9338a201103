"""The API's manners: one envelope, one shape of error, and in one place what each refusal becomes outside.

A view translates words of the outside into one call of a service and back; everything else that its answer needs is here.
"""

import logging
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, Self

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, QueryDict
from django.utils.http import parse_etags
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, serializers
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from accounts import roles
from accounts.audit import bulk_reads, recording
from accounts.auth.authentication import BearerAuthentication, KeyAuthentication, SessionAuthentication
from accounts.auth.rate_limits import EachUser
from accounts.models import User
from accounts.rls import session
from config.browsing import BrowsableRenderer
from config.errors import DISK_FULL, is_away
from config.fields import RepeatedField
from config.wire import HTML, AcceptVersioning, JsonParser, JsonRenderer, Negotiation
from core import metrics
from core.db.disk_full import is_disk_full
from core.errors import DomainError, NotFound, NotPermitted
from core.web import compression

log = logging.getLogger(__name__)

STATUS_OF: Final = {"not_found": 404, "permission_denied": 403, "duplicate": 409, "stale": 412}
"""What a rule's refusal becomes; every other code is a 400."""

CODES: Final = ("invalid_date", "invalid_slot", "invalid_range", "required", "invalid")
"""What malformed input is called. Where several fields are at fault, the first of these that fits any of them."""

SELF_EXPLAINING: Final = ("invalid_date", "invalid_slot", "invalid_range")
"""Codes whose sentence says by itself what is wrong; the others' name the field."""

ASKED: Final = frozenset(("station", "code", "date_from", "date_to", "status", "customer", "customer_id", "booking_id"))
"""What the log says of what was asked for: which station, days, booking or customer, by their ids; no word of anybody's."""
PLAIN: Final = r"[\w-]{1,40}"

SENTENCES: Final = {
    "not_authenticated": _("Please sign in: send an access token, or log in with the browser."),
    "permission_denied": NotPermitted.sentence,
    "method_not_allowed": _("This address does not take that method. The header Allow names those that it takes."),
    "unsupported_media_type": _("Send JSON, and say so: Content-Type: application/json."),
    "too_large": _("The request is too large. Send less at once."),
    "unavailable": _("The service is busy. Try again in a moment."),
    "invalid": _("Please correct what is marked."),
}
"""For refusals that bring no sentence of the product's own."""


# --- answers ---------------------------------------------------------------------------------------------------------


def success(data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """The envelope of every success; a whole list also says its `total_count`."""
    if isinstance(data, list) and not more:
        more = {"total_count": len(data)}
    return Response({"success": True, "data": data, **more}, status=status, headers=dict(headers or {}))


@dataclass
class Failure:
    """What every failure says."""

    status: int
    code: str
    error: Any
    errors: Mapping[str, Sequence[Any]] | None = None
    data: Any = None

    def response(self, request: Request) -> Response:
        """In the envelope: `errors` and `data` only where there are any."""
        body: dict[str, Any] = {"success": False, "error": str(self.error), "code": self.code}
        if self.errors:
            body["errors"] = {name: [str(text) for text in texts] for name, texts in self.errors.items()}
        if self.data is not None:
            body["data"] = self.data
        body["request_id"] = getattr(request._request, "request_id", "")
        return Response(body, status=self.status)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Any exception of a view in the envelope; None for a crash, which `config.errors` answers."""
    request, view = context["request"], context["view"]
    failure = _failure(error, view)
    if failure is None:
        return None
    metrics.refused(failure.code)
    response = failure.response(request)
    if challenge := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = challenge
    if (wait := _seconds(error)) is not None:
        response["Retry-After"] = str(wait)
    return response


def _seconds(error: Exception) -> int | None:
    """How long a throttled caller is to wait; None for every other failure."""
    wait = getattr(error, "wait", None)
    return None if wait is None else max(1, math.ceil(wait))


def _failure(error: Exception, view: "ApiView") -> Failure | None:
    if isinstance(error, Http404):
        error = NotFound()
    if isinstance(error, DomainError):
        errors = {view.name_of(name): texts for name, texts in error.fields.items()}
        return Failure(STATUS_OF.get(error.code, 400), error.code, error, errors, view.data_of(error))
    if isinstance(error, RequestDataTooBig):
        return Failure(413, "too_large", SENTENCES["too_large"])
    if is_away(error):
        log.error("The database does not answer.", exc_info=error)
        metrics.failed(error)
        return Failure(503, "unavailable", DISK_FULL if is_disk_full(error) else SENTENCES["unavailable"])
    if isinstance(error, exceptions.ValidationError):
        return _malformed(error)
    return _of_rest_framework(error) if isinstance(error, exceptions.APIException) else None


def _of_rest_framework(error: exceptions.APIException) -> Failure:
    code = str(error.get_codes())
    if code == "parse_error":
        return Failure(400, "invalid", error.detail)
    if (wait := _seconds(error)) is not None:
        return Failure(error.status_code, code, _("Too many requests. Try again in %(wait)d seconds.") % {"wait": wait})
    return Failure(error.status_code, code, SENTENCES.get(code, error.detail), data=getattr(error, "data", None))


def _malformed(error: exceptions.ValidationError) -> Failure:
    """Each field at fault; the code and the sentence are those of the most telling one, in the order of `CODES`."""
    faults = _flat(error.get_full_details())
    errors = {name: [fault["message"] for fault in found] for name, found in faults.items()}
    each = ((_rank(fault["code"]), name, fault["message"]) for name, found in faults.items() for fault in found)
    rank, name, message = min(each, key=lambda fault: fault[0])
    sentence = message if CODES[rank] in SELF_EXPLAINING else f"{name}: {message}"
    return Failure(400, CODES[rank], sentence, errors)


def _rank(code: str) -> int:
    return CODES.index(code) if code in CODES else CODES.index("invalid")


def _flat(details: Any, prefix: str = "") -> dict[str, list[dict[str, Any]]]:
    """Nested details by dotted field name, each a list of message and code."""
    if isinstance(details, list):
        return {prefix or "body": details}
    found: dict[str, list[dict[str, Any]]] = {}
    for name, inner in details.items():
        own = "" if name == api_settings.NON_FIELD_ERRORS_KEY else name
        found |= _flat(inner, ".".join(part for part in (prefix, own) if part))
    return found


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
    told: dict[str, Any] = {"channel": recording.origin().channel}
    if status < 400:
        given = {**(request.parser_context or {}).get("kwargs", {}), **request.query_params.dict()}
        told["asked"] = {name: value for name, value in given.items() if name in ASKED and re.fullmatch(PLAIN, value)}
    request._request.told |= told  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Door:
    """A write that a browsing person may try from the page they see."""

    method: str
    address: str
    body: Any
    label: Any = ""
    version: str = ""
    """What to send as If-Match; "" where the address does not look at it."""


class InvalidIfMatch(exceptions.ValidationError):
    def __init__(self) -> None:
        super().__init__({"If-Match": [_('Name one version in quotes, such as "3", or * for any.')]}, code="invalid")


NO_VERSION: Final = 0
"""Versions begin at 1: this one is never current."""


def if_match(request: Request) -> int | None:
    """The version that the caller has seen; None where they do not say, or say any (`*`).

    A tag that names no version, such as `"abc"` or the weak `W/"3"`, is never the current one; what is no tag, or several, is
    malformed.
    """
    said = request.META.get("HTTP_IF_MATCH", "*").strip()
    if said == "*":
        return None
    if not re.fullmatch(r'(?:W/)?"[\x21\x23-\x7e]*"', said):
        raise InvalidIfMatch
    version = re.fullmatch(r'"([1-9][0-9]{0,9})(?:\.[0-9a-f]+)?"', compression.identity_etag(said))
    return int(version[1]) if version else NO_VERSION


def seen_before(request: Request | HttpRequest, etag: str) -> bool:
    """Whether the caller has that answer already, compressed or not: If-None-Match names it, weak or strong, or says any."""
    named = parse_etags(request.META.get("HTTP_IF_NONE_MATCH", ""))
    return named == ["*"] or etag in (compression.identity_etag(tag.removeprefix("W/")) for tag in named)


def is_known(request: Request, etag: str) -> bool:
    """Whether to answer 304: a program has that answer. A browser's page is made anew each time."""
    return request.accepted_media_type != HTML and seen_before(request, etag)


class StrictSerializer(serializers.Serializer[Any]):
    """Parses what callers send: unknown fields are refused, types are not guessed, all faults are named at once."""

    def to_internal_value(self, data: Any) -> Any:
        wrong: dict[str, Any] = {}
        if isinstance(data, Mapping):
            wrong = {str(name)[:100]: [_("There is no such field.")] for name in data if name not in self.fields}
        try:
            values = super().to_internal_value(data)
        except exceptions.ValidationError as error:
            raise exceptions.ValidationError({**wrong, **error.detail}) from None  # type: ignore[dict-item]
        if wrong:
            raise exceptions.ValidationError(wrong)
        return values

    @classmethod
    def parse(cls, data: Any) -> dict[str, Any]:
        """The validated data. Raises REST framework's ValidationError.

        All requests share one reader, as long as what it reads is right. What is wrong is told by another one: REST framework's
        fields go on in the language in which they were first asked to say it.
        """
        with suppress(exceptions.ValidationError):
            return dict(cls._shared().run_validation(data))
        serializer = cls(data=data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    @classmethod
    def parse_query(cls, query: QueryDict) -> dict[str, Any]:
        """The validated parameters of a query: each once, but for a RepeatedField; an empty one that may be left out counts as
        left out. Raises REST framework's ValidationError.
        """
        fields, given, twice = cls._shared().fields, dict[str, Any](), list[str]()
        for name, values in query.lists():
            field = fields.get(name)
            if isinstance(field, RepeatedField):
                values = field.values_in(values)
                given |= {name: values} if values else {}
            elif len(values) > 1:
                twice.append(name[:100])
            elif values[0] or field is None or field.required:
                given[name] = values[0]
        if twice:
            raise exceptions.ValidationError({name: [_("Give this once.")] for name in twice})
        return cls.parse(given)

    @classmethod
    @cache
    def _shared(cls) -> Self:
        return cls()
