"""The API's description: what each address takes and every status it answers with, from the same shapes that parse and answer."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

JSON = Mapping[str, Any]

UUID_TEXT = {"type": "string", "format": "uuid"}
DATE_TEXT = {"type": "string", "format": "date"}
INSTANT = {"type": "string", "format": "date-time"}
SLOT_TEXT = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}
COUNT = {"type": "integer", "minimum": 0}
TEXT = {"type": "string"}
FLAG = {"type": "boolean"}
STATUSES = {
    "type": "string",
    "enum": ["pending", "confirmed", "arrived", "completed", "no_show", "cancelled"],
}


def _object(properties: JSON, *, optional: Iterable[str] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in set(optional)],
        "additionalProperties": False,
    }


ROW_CUSTOMER = _object({"customer_id": UUID_TEXT, "email": TEXT, "name": TEXT, "phone": TEXT})
ROW = {
    "booking_id": UUID_TEXT,
    "customer": {"oneOf": [{"$ref": "#/components/schemas/RowCustomer"}, {"type": "null"}]},
    "date": DATE_TEXT,
    "slot": SLOT_TEXT,
    "total_guests": COUNT,
    "status": STATUSES,
    "total_due_cents": COUNT,
    "balance_due_cents": COUNT,
    "special_requests": {"type": ["string", "null"]},
    "source": TEXT,
    "created_at": INSTANT,
    "updated_at": INSTANT,
    "station": TEXT,
    "starts_at": INSTANT,
    "ends_at": INSTANT,
    "slots": COUNT,
    "version": COUNT,
    "needs_place": FLAG,
}
CHANGED = {"changed_by": TEXT, "changed_at": INSTANT, "change": TEXT}

COMPONENTS = {
    "schemas": {
        "RowCustomer": ROW_CUSTOMER,
        "Booking": _object(ROW),
        "StaleBooking": _object({**ROW, **CHANGED}, optional=CHANGED),
        "Moved": _object(
            {
                "booking_id": UUID_TEXT,
                "date": DATE_TEXT,
                "slot": SLOT_TEXT,
                "station": TEXT,
                "status": STATUSES,
                "version": COUNT,
                "message": TEXT,
            }
        ),
        "Station": _object(
            {
                "code": TEXT,
                "name": TEXT,
                "time_zone": TEXT,
                "country": TEXT,
                "currency": TEXT,
                "first_weekday": {"type": "integer", "minimum": 0, "maximum": 6},
                "email": TEXT,
                "phone": TEXT,
                "address": TEXT,
                "is_active": FLAG,
            }
        ),
        "Slot": _object(
            {
                "date": DATE_TEXT,
                "slot": SLOT_TEXT,
                "minutes": COUNT,
                "starts_at": INSTANT,
                "ends_at": INSTANT,
                "capacity": COUNT,
                "taken": COUNT,
                "left": COUNT,
                "guest_capacity": {"type": ["integer", "null"]},
                "guests_taken": COUNT,
                "guests_left": {"type": ["integer", "null"]},
                "closed": FLAG,
                "reason": TEXT,
            }
        ),
        "Customer": _object(
            {
                "customer_id": UUID_TEXT,
                "station": TEXT,
                "name": TEXT,
                "email": TEXT,
                "phone": TEXT,
                "created_at": INSTANT,
            }
        ),
        "Tokens": _object(
            {
                "access": TEXT,
                "refresh": TEXT,
                "token_type": {"type": "string", "const": "Bearer"},
                "expires_in": COUNT,
            }
        ),
        "Addresses": {"type": "object", "additionalProperties": {"type": "string"}},
        "Failure": _object(
            {
                "success": {"type": "boolean", "const": False},
                "error": TEXT,
                "code": TEXT,
                "errors": {"type": "object", "additionalProperties": {"type": "array", "items": TEXT}},
                "data": {"type": "object"},
                "request_id": TEXT,
            },
            optional=("errors", "data"),
        ),
    }
}

FAILURES: dict[int, tuple[str, str, str]] = {
    400: ("invalid", "Please correct what is marked.", "Malformed, or refused by a rule: see the code"),
    401: (
        "not_authenticated",
        "Authentication credentials were not provided.",
        "Not signed in, or no longer",
    ),
    403: (
        "permission_denied",
        "You do not have permission to perform this action.",
        "A right held at no station",
    ),
    404: ("not_found", "Not found.", "No such thing, or one of a station that the caller may not see"),
    405: ("method_not_allowed", "Method “PUT” not allowed.", "Another method"),
    406: ("not_acceptable", "There is no such version of the API. There is: 1.", "No such version or format"),
    409: ("duplicate", "This station already has a booking with that reference.", "The reference is taken"),
    412: ("stale", "Somebody changed this booking meanwhile.", "If-Match does not name the current version"),
    413: ("too_large", "The request is too large. Send less at once.", "Over 1 MiB"),
    415: (
        "unsupported_media_type",
        "Unsupported media type “text/plain” in request.",
        "The body is not JSON",
    ),
    429: ("throttled", "Request was throttled.", "Too many requests: wait as Retry-After says"),
    500: ("server_error", "Something went wrong on our side.", "A crash; no detail but the request id"),
    503: ("unavailable", "The service is busy. Try again in a moment.", "The database is away or busy"),
}


def whole(name: str) -> dict[str, Any]:
    """The envelope around one thing."""
    return _envelope({"$ref": f"#/components/schemas/{name}"})


def listed(name: str) -> dict[str, Any]:
    """The envelope around a whole list."""
    return _envelope({"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}, total_count=COUNT)


def paged(name: str) -> dict[str, Any]:
    """The envelope around one page of a list."""
    address = {"type": ["string", "null"], "format": "uri"}
    return _envelope(
        {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}, next=address, previous=address
    )


def _envelope(data: JSON, **more: JSON) -> dict[str, Any]:
    return _object({"success": {"type": "boolean", "const": True}, "data": data, **more})


def nothing() -> dict[str, Any]:
    """The envelope around nothing."""
    return _envelope({"type": "null"})


def documented(
    summary: str,
    answer: dict[str, Any],
    *,
    status: int = 200,
    body: Any = None,
    query: Any = None,
    example: Any = None,
    failing: Iterable[int] = (),
    signed_in: bool = True,
    versioned: bool = False,
    cached: bool = False,
) -> Callable[[Any], Any]:
    """What a method of a view takes and answers, every status of it; `failing` adds to those that any call can meet."""
    failing = (
        {401, 406, 429, 500, 503, *failing} | ({403} if signed_in else set()) | ({400, 413, 415} if body else set())
    )
    failing |= {400} if query else set()
    responses: dict[Any, Any] = {status: OpenApiResponse(answer, description="Done")}
    if cached:
        responses[304] = OpenApiResponse(description="Nothing changed since the ETag given")
    responses |= {code: _failure(code) for code in sorted(failing)}
    parameters = [query] if query else []
    if versioned:
        parameters.append(_header("If-Match", 'The version that you have seen, such as "3".', r'^(\*|"[0-9]{1,9}")$'))
    if cached:
        parameters.append(_header("If-None-Match", "The ETag of the answer that you have.", None))
    examples = [OpenApiExample("Example", value=example, request_only=True)] if example else []
    return extend_schema(
        summary=summary,
        request=body,
        parameters=parameters,
        responses=responses,
        examples=examples,
        auth=None if signed_in else [],
    )


def _header(name: str, description: str, pattern: str | None) -> OpenApiParameter:
    schema: dict[str, Any] = {"type": "string"} | ({"pattern": pattern} if pattern else {})
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=description)


def _failure(status: int) -> OpenApiResponse:
    code, sentence, description = FAILURES[status]
    value = {
        "success": False,
        "error": sentence,
        "code": code,
        "request_id": "7d1c0f0e5c0b4d0f9b1f2a3c4d5e6f70",
    }
    return OpenApiResponse(
        {"$ref": "#/components/schemas/Failure"},
        description=description,
        examples=[OpenApiExample(code, value=value, response_only=True, status_codes=[str(status)])],
    )


def with_components(result: dict[str, Any], **_more: Any) -> dict[str, Any]:
    """The shapes named above, beside those that serializers bring."""
    for kind, shapes in COMPONENTS.items():
        result.setdefault("components", {}).setdefault(kind, {}).update(shapes)
    return result


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.authentication.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class Schema(AutoSchema):
    """Full addresses, grouped by what they are about."""

    def get_tags(self) -> list[str]:
        parts = self.path.strip("/").split("/")
        return [parts[1] if len(parts) > 1 else "root"]

    def get_operation_id(self) -> str:
        return f"{type(self.view).__name__}_{self.method.lower()}"
