"""The API's manners: one envelope, one shape of error, in one place what each refusal becomes outside.

A view translates words of the outside into one call of a service and back; everything else that answers under `/api/` is here.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, serializers, status
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.versioning import AcceptHeaderVersioning
from rest_framework.views import APIView

from accounts import roles
from stations.errors import DomainError

log = logging.getLogger(__name__)

STATUS_OF = {
    "not_found": status.HTTP_404_NOT_FOUND,
    "permission_denied": status.HTTP_403_FORBIDDEN,
    "duplicate": status.HTTP_409_CONFLICT,
    "stale": status.HTTP_412_PRECONDITION_FAILED,
}
"""What a rule's refusal becomes; every other code is a 400."""


# --- answers -----------------------------------------------------------------------------------------------------------


def success(
    data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None, **more: Any
) -> Response:
    """The envelope of every success; a whole list also says its `total_count`."""
    if isinstance(data, list) and not more:
        more = {"total_count": len(data)}
    return Response({"success": True, "data": data, **more}, status=status, headers=dict(headers or {}))


def failure(
    request: Any,
    *,
    status: int,
    code: str,
    error: Any,
    errors: Mapping[str, Any] | None = None,
    data: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The envelope of every failure."""
    body: dict[str, Any] = {"success": False, "error": str(error), "code": code}
    if errors:
        body["errors"] = errors
    if data is not None:
        body["data"] = data
    body["request_id"] = getattr(getattr(request, "_request", request), "request_id", "")
    return Response(body, status=status, headers=dict(headers or {}))


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Any exception of a view as the envelope; None (a crash, logged by Django) is answered by `server_error`."""
    request = context["request"]
    if isinstance(error, DomainError):
        return _refused(request, error, context["view"])
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, RequestDataTooBig):
        return failure(
            request, status=413, code="too_large", error=_("The request is too large. Send less at once.")
        )
    if isinstance(error, OperationalError):
        log.error("database unavailable", exc_info=True)
        return failure(
            request, status=503, code="unavailable", error=_("The service is busy. Try again in a moment.")
        )
    if isinstance(error, exceptions.APIException):
        return _of_rest_framework(request, error)
    return None


def _refused(request: Request, error: DomainError, view: Any) -> Response:
    return failure(
        request,
        status=STATUS_OF.get(error.code, 400),
        code=error.code,
        error=error,
        errors={name: [str(text) for text in texts] for name, texts in error.fields.items()},
        data=view.data_of(error) if isinstance(view, ApiView) else None,
    )


_CODES = {
    "authentication_failed": "token_invalid",
    "parse_error": "invalid",
    "error": "server_error",
}


def _of_rest_framework(request: Request, error: exceptions.APIException) -> Response:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, int(wait)))
    if isinstance(error, exceptions.ValidationError):
        fields = _flat(error.get_full_details())
        code = _most_telling([detail["code"] for details in fields.values() for detail in details])
        errors = {name: [str(detail["message"]) for detail in details] for name, details in fields.items()}
        sentence = next(iter(errors.values()))[0] if errors else _("Please correct the request.")
        return failure(request, status=400, code=code, error=sentence, errors=errors, headers=headers)
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else "invalid"
    detail = error.detail if isinstance(error.detail, str) else _("Please correct the request.")
    return failure(
        request, status=error.status_code, code=_CODES.get(code, code), error=detail, headers=headers,
        data=getattr(error, "data", None),
    )  # fmt: skip


def _flat(details: Any, prefix: str = "") -> dict[str, list[dict[str, Any]]]:
    """Nested details by dotted field name, each a list of message and code."""
    if isinstance(details, list) and all(isinstance(one, dict) and "message" in one for one in details):
        return {prefix or "body": details}
    found: dict[str, list[dict[str, Any]]] = {}
    pairs = details.items() if isinstance(details, dict) else enumerate(details)
    for name, inner in pairs:
        path = (
            prefix
            if name == api_settings.NON_FIELD_ERRORS_KEY
            else f"{prefix}.{name}"
            if prefix
            else str(name)
        )
        found |= _flat(inner, path)
    return found


_TELLING = ("required", "invalid_date", "invalid_slot", "invalid_range")


def _most_telling(codes: Sequence[str]) -> str:
    """One code for several faults: what is missing first, then the shapes, else plain `invalid`."""
    return next((code for code in _TELLING if code in codes), "invalid")


# --- requests ------------------------------------------------------------------------------------------------------------


class HasRight(BasePermission):
    """The API's own right, and the one that the view names for the method; both at some station of the person's."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        person = request.user
        if not person or not person.is_authenticated:
            return False
        rights: Mapping[str, str] = getattr(view, "rights", {})
        right = rights.get(request.method or "", roles.VIEW)
        return person.has_perms([roles.API, right]) and person.has_a_station


class JsonParser(BaseParser):
    """Strict JSON: UTF-8, no NaN, no duplicate surprises; an object and nothing else."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        raw = stream.read()
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise exceptions.ParseError(_("The body is not JSON.")) from None
        if not isinstance(body, dict):
            raise exceptions.ParseError(_("The body must be a JSON object."))
        return body


class JsonRenderer(JSONRenderer):
    """JSON by orjson."""

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        if data is None:
            return b""
        return orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS)


class BrowsableRenderer(BrowsableAPIRenderer):
    """The same answers for a person with a browser, without inline scripts."""

    template = "rest_framework/stationbook.html"
    default_renderer_class = JsonRenderer

    def get_default_renderer(self, view: APIView) -> JSONRenderer:
        return PrettyJsonRenderer()

    def show_form_for_method(self, view: Any, method: str, request: Any, obj: Any) -> bool:
        return method in view.allowed_methods and method != "OPTIONS"

    def get_rendered_html_form(self, data: Any, view: Any, method: str, request: Any) -> Any:
        return None

    def get_raw_data_form(self, data: Any, view: Any, method: str, request: Any) -> Any:
        example = getattr(view, "examples", {}).get(method)
        if example is None or method not in view.allowed_methods:
            return None
        return orjson.dumps(example, option=orjson.OPT_INDENT_2).decode()


class PrettyJsonRenderer(JsonRenderer):
    """The body shown to a person."""

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        return orjson.dumps(data, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)


class AcceptVersioning(AcceptHeaderVersioning):
    """`Accept: application/json; version=1`; 1 where none is named, so that addresses last."""

    invalid_version_message = _("There is no such version of the API. There is: 1.")


class InvalidIfMatch(exceptions.APIException):
    status_code = 400
    default_code = "invalid"
    default_detail = _('If-Match names a version in quotes, such as "3".')


def if_match(request: Request) -> int | None:
    """The version that the caller has seen; None where they do not say, or say any (`*`)."""
    said = request.headers.get("If-Match", "").strip()
    if said in ("", "*"):
        return None
    found = re.fullmatch(r'"([0-9]{1,9})"', said)
    if not found:
        raise InvalidIfMatch
    return int(found[1])


class ApiView(APIView):
    """A view of the API: throttled before it is judged, as the order of errors says."""

    rights: Mapping[str, str] = {}
    examples: Mapping[str, Any] = {}

    def data_of(self, error: DomainError) -> Any:
        """What the refused may be shown to go on from; None for nothing."""
        return None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """As REST framework's, in the contract's order: 401, 429, 403."""
        self.format_kwarg = self.get_format_suffix(**kwargs)
        accepted = self.perform_content_negotiation(request)
        request.accepted_renderer, request.accepted_media_type = accepted
        request.version, request.versioning_scheme = self.determine_version(request, *args, **kwargs)
        self.perform_authentication(request)
        if self.permission_classes and not request.user.is_authenticated:
            self.permission_denied(request)
        self.check_throttles(request)
        self.check_permissions(request)


class StrictSerializer(serializers.Serializer[Any]):
    """Parses what callers send: unknown fields are refused, types are not guessed."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := set(map(str, data)) - set(self.fields)):
            raise serializers.ValidationError(
                {name: [_("There is no such field.")] for name in sorted(unknown)}
            )
        return super().to_internal_value(data)

    @classmethod
    def parse(cls, data: Any, **options: Any) -> dict[str, Any]:
        """The validated data. Raises REST framework's ValidationError."""
        serializer = cls(data=data.dict() if hasattr(data, "dict") else data, **options)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)
