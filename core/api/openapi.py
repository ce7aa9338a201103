"""Decorators that document API operations in OpenAPI: request, responses and errors of each."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.serializers import Serializer

from core.api.schemas import COUNT, envelope, reference

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
REQUEST_ID: Final = "7d1c0f0e5c0b4d0f9b1f2a3c4d5e6f70"

FAILURES: Final[dict[int, tuple[str, dict[str, str]]]] = {
    400: (
        "The input is invalid, or a rule refuses it. `code` says which.",
        {
            "invalid_date": "Invalid date format. Use YYYY-MM-DD",
            "invalid_slot": "Invalid time slot format. Use HH:MM (e.g., 18:00)",
            "invalid_range": "The range is 1 to 7 days, both ends included.",
            "required": "This field is required.",
            "invalid": "Unknown field.",
            "not_reschedulable": "Cannot reschedule cancelled bookings",
            "invalid_step": "A booking that is completed cannot become arrived.",
            "too_early": "A booking cannot be marked as arrived before its day, Fri 7 Mar 2031.",
            "past": "Cannot reschedule to past dates",
            "no_such_slot": "There is no slot at 18:15 on Fri 7 Mar 2031. Choose another slot.",
            "slot_closed": "18:00 on Fri 7 Mar 2031 is closed: Stocktaking",
            "slot_full": "Target time slot is fully booked",
        },
    ),
    401: (
        "The credentials are missing, wrong or expired.",
        {
            "not_authenticated": "Please sign in: send an access token, or sign in with the browser.",
            "token_invalid": "The token is invalid or has expired. Sign in again.",  # nosec B105  # a sentence
            "login_failed": "Email and password do not match, or the code is missing or wrong. Try again, or ask a manager.",
        },
    ),
    403: (
        "The caller lacks the permission, or a write with a browser session has no CSRF token.",
        {
            "permission_denied": "You don't have permission to do this. Ask a manager.",
            "csrf_failed": "Your session has expired. Reload the page and try again.",
            "second_factor_demanded": "Your group requires two-factor authentication. Sign in with the browser and set it up.",
        },
    ),
    404: (
        "It does not exist, or belongs to a station that the caller may not see.",
        {"not_found": "Not found."},
    ),
    406: (
        "The requested API version or format does not exist.",
        {"not_acceptable": "This version of the API does not exist. Use one of: 1."},
    ),
    409: (
        "The external reference is in use. `data` has the ID of the booking that uses it.",
        {"duplicate": "This station already has a booking with that reference."},
    ),
    412: (
        "`If-Match` is not the current version. `data` is the current booking, with who changed it and when.",
        {"stale": "Someone else has changed this booking. Check it before you change it."},
    ),
    413: ("The request body is larger than 1 MiB.", {"too_large": "The request is too large. Send less at once."}),
    415: (
        "The Content-Type is not JSON.",
        {"unsupported_media_type": "Send JSON with Content-Type: application/json."},
    ),
    429: (
        "The rate limit is exceeded. Wait for as many seconds as `Retry-After` says.",
        {"throttled": "Too many requests. Try again in 7 seconds."},
    ),
    500: (
        "An error on the server. Quote the request ID when you report it.",
        {"server_error": "Something went wrong on our side. Try again in a moment."},
    ),
    503: (
        "The database is unavailable or busy.",
        {"unavailable": "The service is busy. Try again in a moment."},
    ),
}
"""For each status: its description, and an example message for each of its codes."""

FAILURE_SCHEMAS: Final = {406: "NotAcceptableFailure", 409: "DuplicateFailure", 412: "StaleFailure"}
"""Schemas of errors whose `data` helps the caller to continue; `Failure` for other statuses."""

COMMON_FAILURES: Final = (400, 401, 406, 429, 500, 503)
"""Statuses that any operation can answer with: 400 even without input, because of a malformed request or Host header."""

QUERY_CODES: Final = ("invalid_date", "invalid_range", "required", "invalid")
BODY_CODES: Final = ("required", "invalid")
PLACE_CODES: Final = (*BODY_CODES, "invalid_date", "invalid_slot", "no_such_slot", "slot_closed", "slot_full")
"""Codes of status 400, by what an operation takes."""

AUTHENTICATED_CODES: Final = ("not_authenticated", "token_invalid")
SIGN_IN_CODES: Final = ("login_failed", "token_invalid")
"""Codes of status 401: with credentials, and of the operations that give them out."""

DETAILS: Final[dict[str, dict[str, Any]]] = {
    "invalid_date": {"errors": {"date": ["Invalid date format. Use YYYY-MM-DD"]}},
    "invalid_slot": {"errors": {"slot": ["Invalid time slot format. Use HH:MM (e.g., 18:00)"]}},
    "invalid_range": {"errors": {"date_to": ["The range is 1 to 7 days, both ends included."]}},
    "required": {"errors": {"date": ["This field is required."]}},
    "invalid": {"errors": {"colour": ["Unknown field."]}},
    "duplicate": {"data": {"booking_id": "0b6a3c7e-2f0e-4a52-9a43-1d2f7c1b9e55"}},
    "not_acceptable": {"data": {"versions": ["1"]}},
}
HEADERS: Final = {
    "ETag": "Send this as If-None-Match to read again, or a booking's as If-Match to change it.",
    "Location": "The URL of the new booking.",
    "Retry-After": "Seconds to wait.",
    "WWW-Authenticate": "The authentication scheme.",
    "X-Request-Id": "The ID of this request. Quote it when you contact support.",
}


def single(name: str) -> dict[str, str]:
    """Schema of a response with one object."""
    return envelope(f"{name}Answer", reference(name))


def listed(name: str) -> dict[str, str]:
    """Schema of a response with a complete list."""
    return envelope(f"{name}List", {"type": "array", "items": reference(name)}, total_count=COUNT)


def paginated(name: str) -> dict[str, str]:
    """Schema of a response with one page of a list."""
    url = {"type": ["string", "null"], "format": "uri"}
    return envelope(f"{name}Page", {"type": "array", "items": reference(name)}, next=url, previous=url)


def empty() -> dict[str, str]:
    """Schema of a response without data. Client generators make no type of null alone."""
    return envelope("EmptyAnswer", {"type": ["object", "null"], "description": "null"})


def operation(
    operation_id: str,
    summary: str,
    response: dict[str, Any],
    *,
    status: int = 200,
    body: type[Serializer[Any]] | None = None,
    query: type[Serializer[Any]] | None = None,
    example: Any = None,
    failing: Iterable[int] = (),
    signed_in: bool = True,
    versioned: bool = False,
    cached: bool = False,
    codes: Iterable[str] = (),
) -> Callable[[Any], Any]:
    """Declare a handler's request and document all of its responses.

    `body` or `query` becomes the handler's `serializer_class`, and `example` the body that the browsable API suggests.
    `failing` adds statuses to `COMMON_FAILURES`, `codes` names the codes of status 400. `versioned` handlers check If-Match,
    `cached` ones If-None-Match.
    """
    failing = {*COMMON_FAILURES, *failing} | ({403} if signed_in else set()) | ({412} if versioned else set())
    failing |= {413, 415} if body else set()
    responses: dict[Any, Any] = {(status, JSON): OpenApiResponse(response, description="Success")}
    if cached:
        responses[304] = OpenApiResponse(description="Not modified: the ETag still matches.")
    codes = tuple(codes) or (BODY_CODES if body else QUERY_CODES if query else ())
    codes = (*codes, *(AUTHENTICATED_CODES if signed_in else SIGN_IN_CODES))
    responses |= {(failure, JSON): _failure(failure, codes) for failure in sorted(failing)}
    document = extend_schema(
        operation_id=operation_id,
        summary=summary,
        request=body,
        parameters=_parameters(status, failing, query, versioned=versioned, cached=cached),
        responses=responses,
        examples=[OpenApiExample("Example", value=example, request_only=True)] if example else [],
        auth=None if signed_in else [],
    )

    def decorate(handler: Any) -> Any:
        handler = document(handler)
        handler.serializer_class, handler.example = body or query, example
        return handler

    return decorate


def streamed(
    operation_id: str, summary: str, name: str, *, query: type[Serializer[Any]], failing: Iterable[int] = ()
) -> Callable[[Any], Any]:
    """Document a handler that streams objects as lines of JSON; `query` becomes its `serializer_class`."""
    failing = {*COMMON_FAILURES, 403, *failing}
    lines = OpenApiResponse({"type": "string"}, description=f"Lines of JSON, each a {name}.")
    responses: dict[Any, Any] = {(200, NDJSON): lines}
    codes = (*QUERY_CODES, *AUTHENTICATED_CODES)
    responses |= {(failure, JSON): _failure(failure, codes) for failure in sorted(failing)}
    parameters = _parameters(200, failing, query)
    document = extend_schema(operation_id=operation_id, summary=summary, parameters=parameters, responses=responses)

    def decorate(handler: Any) -> Any:
        handler = document(handler)
        handler.serializer_class, handler.example = query, None
        return handler

    return decorate


def document_response(operation_id: str, summary: str, media_types: Sequence[str]) -> Callable[[Any], Any]:
    """Document a handler whose response is a document in one of these formats."""
    schema = {"type": "string"} if media_types == ["text/html"] else {"type": "object"}
    failing = {*COMMON_FAILURES, 403}
    responses: dict[Any, Any] = {
        (200, media_type): OpenApiResponse(schema, description="Success") for media_type in media_types
    }
    responses |= {(failure, JSON): _failure(failure) for failure in sorted(failing)}
    parameters = _parameters(200, failing)
    return extend_schema(operation_id=operation_id, summary=summary, parameters=parameters, responses=responses)


def _parameters(
    status: int, failing: Iterable[int], query: Any = None, *, versioned: bool = False, cached: bool = False
) -> list[Any]:
    """The query parameters and the headers of request and responses."""
    parameters = [query] if query else []
    if versioned:
        description = 'The version that you have read, such as `"3"`. Leave it out, or send `*`, to change any version.'
        pattern = r'^(\*|"[1-9][0-9]{0,9}")$'
        parameters.append(_request_header("If-Match", description, pattern=pattern, examples=['"3"', "*"]))
    if cached:
        parameters.append(_request_header("If-None-Match", "The ETag of the response that you have."))
    parameters += [_response_header("X-Request-Id", [status, *failing]), _response_header("WWW-Authenticate", [401])]
    parameters += [_response_header("Retry-After", [429])]
    if cached or versioned or status == 201:
        parameters.append(_response_header("ETag", [status, 304] if cached else [status]))
    return parameters + ([_response_header("Location", [status])] if status == 201 else [])


def _request_header(name: str, description: str, **schema: Any) -> OpenApiParameter:
    schema = {"type": "string", **schema}
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=description)


def _response_header(name: str, statuses: list[int]) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=HEADERS[name], response=statuses)


def _failure(status: int, codes: Iterable[str] = AUTHENTICATED_CODES) -> OpenApiResponse:
    """The error response of a status, with an example of each of its codes; of statuses 400 and 401 only those in `codes`."""
    description, messages = FAILURES[status]
    examples = [
        OpenApiExample(
            code,
            value={"success": False, "error": error, "code": code, **DETAILS.get(code, {}), "request_id": REQUEST_ID},
            response_only=True,
            status_codes=[str(status)],
        )
        for code, error in messages.items()
        if status not in (400, 401) or code in codes
    ]
    schema = reference(FAILURE_SCHEMAS.get(status, "Failure"))
    return OpenApiResponse(schema, description=description, examples=examples)
