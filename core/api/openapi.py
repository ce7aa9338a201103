"""The API's description: what each address takes and every status it answers with, from the same shapes that parse and answer."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.api.schemas import COUNT, envelope, reference

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
REQUEST_ID: Final = "7d1c0f0e5c0b4d0f9b1f2a3c4d5e6f70"

FAILURES: Final[dict[int, tuple[str, dict[str, str]]]] = {
    400: (
        "Malformed, or refused by a rule: `code` says which",
        {
            "invalid_date": "Invalid date format. Use YYYY-MM-DD",
            "invalid_slot": "Invalid time slot format. Use HH:MM (e.g., 18:00)",
            "invalid_range": "The range is 1 to 7 days, both ends included.",
            "required": "This field is required.",
            "invalid": "There is no such field.",
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
        "Not signed in, or no longer",
        {
            "not_authenticated": "Please sign in: send an access token, or sign in with the browser.",
            "token_invalid": "The token is not valid, or no longer. Sign in again.",  # nosec B105  # a sentence
            "login_failed": "Email and password do not match, or the code is missing or wrong. Try again, or ask a manager.",
        },
    ),
    403: (
        "A right that is held at no station, or a browser's write without the form's protection",
        {
            "permission_denied": "You don't have permission to do this. Ask a manager.",
            "csrf_failed": "Your session has expired. Reload the page and try again.",
            "second_factor_demanded": "Your group requires two-factor authentication. Sign in with the browser and set it up.",
        },
    ),
    404: (
        "No such thing, or one of a station that the caller may not see",
        {"not_found": "Not found."},
    ),
    406: (
        "No such version, or no such format",
        {"not_acceptable": "There is no such version of the API. Ask for one of: 1."},
    ),
    409: (
        "The reference is taken: `data` names the booking that has it",
        {"duplicate": "This station already has a booking with that reference."},
    ),
    412: (
        "If-Match does not name the current version: `data` is the current row, and who changed it when",
        {"stale": "Someone else has changed this booking. Check it before you change it."},
    ),
    413: ("Over 1 MiB", {"too_large": "The request is too large. Send less at once."}),
    415: (
        "The body is said to be something else than JSON",
        {"unsupported_media_type": "Send JSON, and say so: Content-Type: application/json."},
    ),
    429: (
        "Wait as many seconds as Retry-After says",
        {"throttled": "Too many requests. Try again in 7 seconds."},
    ),
    500: (
        "A crash: no detail but the request id",
        {"server_error": "Something went wrong on our side. Try again in a moment."},
    ),
    503: (
        "The database is away or busy",
        {"unavailable": "The service is busy. Try again in a moment."},
    ),
}
"""For each status what it means, and its codes with a sentence of each."""

FAILURE_SHAPES: Final = {406: "NotAcceptableFailure", 409: "DuplicateFailure", 412: "StaleFailure"}
"""Failures that bring data to go on from."""

ANY_CALL: Final = (400, 401, 406, 429, 500, 503)
"""What any call can meet; a 400 even where nothing is taken: the request itself may be malformed, as by another host's name."""

QUERY: Final = ("invalid_date", "invalid_range", "required", "invalid")
BODY: Final = ("required", "invalid")
PLACE: Final = (*BODY, "invalid_date", "invalid_slot", "no_such_slot", "slot_closed", "slot_full")
"""Which codes of a 400 an address may answer with."""

OF_SIGNED_IN: Final = ("not_authenticated", "token_invalid")
OF_STRANGERS: Final = ("login_failed", "token_invalid")
"""And which codes of a 401."""

DETAILS: Final[dict[str, dict[str, Any]]] = {
    "invalid_date": {"errors": {"date": ["Invalid date format. Use YYYY-MM-DD"]}},
    "invalid_slot": {"errors": {"slot": ["Invalid time slot format. Use HH:MM (e.g., 18:00)"]}},
    "invalid_range": {"errors": {"date_to": ["The range is 1 to 7 days, both ends included."]}},
    "required": {"errors": {"date": ["This field is required."]}},
    "invalid": {"errors": {"colour": ["There is no such field."]}},
    "duplicate": {"data": {"booking_id": "0b6a3c7e-2f0e-4a52-9a43-1d2f7c1b9e55"}},
    "not_acceptable": {"data": {"versions": ["1"]}},
}
HEADERS: Final = {
    "ETag": "What to send back as If-None-Match (a calendar) or If-Match (a booking's version)",
    "Location": "Where the new booking is read",
    "Retry-After": "Seconds to wait",
    "WWW-Authenticate": "How to sign in",
    "X-Request-Id": "The name of this request, for those who are asked for help",
}


def whole(name: str) -> dict[str, str]:
    """The envelope around one thing."""
    return envelope(f"{name}Answer", reference(name))


def listed(name: str) -> dict[str, str]:
    """The envelope around a whole list."""
    return envelope(f"{name}List", {"type": "array", "items": reference(name)}, total_count=COUNT)


def paged(name: str) -> dict[str, str]:
    """The envelope around one page of a list."""
    address = {"type": ["string", "null"], "format": "uri"}
    return envelope(f"{name}Page", {"type": "array", "items": reference(name)}, next=address, previous=address)


def nothing() -> dict[str, str]:
    """The envelope around nothing. Of a null alone no generator makes a type."""
    return envelope("EmptyAnswer", {"type": ["object", "null"], "description": "null"})


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
    refusals: Iterable[str] = (),
) -> Callable[[Any], Any]:
    """What a method of a view takes and answers, every status of it; `failing` adds to those that any call can meet.

    `versioned`: it looks at If-Match; `cached`: at If-None-Match; `refusals`: the codes of its 400.
    """
    failing = {*ANY_CALL, *failing} | ({403} if signed_in else set()) | ({412} if versioned else set())
    failing |= {413, 415} if body else set()
    responses: dict[Any, Any] = {(status, JSON): OpenApiResponse(answer, description="Done")}
    if cached:
        responses[304] = OpenApiResponse(description="Nothing has changed since that ETag")
    among = (*(refusals or (BODY if body else QUERY if query else ())), *(OF_SIGNED_IN if signed_in else OF_STRANGERS))
    responses |= {(code, JSON): _failure(code, among) for code in sorted(failing)}
    return extend_schema(
        summary=summary,
        request=body,
        parameters=_parameters(status, failing, query, versioned=versioned, cached=cached),
        responses=responses,
        examples=[OpenApiExample("Example", value=example, request_only=True)] if example else [],
        auth=None if signed_in else [],
    )


def streamed(summary: str, name: str, *, query: Any, failing: Iterable[int] = ()) -> Callable[[Any], Any]:
    """An address that answers with one thing a line."""
    failing = {*ANY_CALL, 403, *failing}
    lines = OpenApiResponse({"type": "string"}, description=f"Lines of JSON: each is a {name} by itself")
    responses: dict[Any, Any] = {(200, NDJSON): lines}
    responses |= {(code, JSON): _failure(code, (*QUERY, *OF_SIGNED_IN)) for code in sorted(failing)}
    return extend_schema(summary=summary, parameters=_parameters(200, failing, query), responses=responses)


def documented_as(summary: str, media_types: Sequence[str]) -> Callable[[Any], Any]:
    """An address that answers with a document in each of these formats."""
    shape = {"type": "string"} if media_types == ["text/html"] else {"type": "object"}
    failing = {*ANY_CALL, 403}
    responses: dict[Any, Any] = {(200, one): OpenApiResponse(shape, description="Done") for one in media_types}
    responses |= {(code, JSON): _failure(code) for code in sorted(failing)}
    return extend_schema(summary=summary, parameters=_parameters(200, failing), responses=responses)


def _parameters(
    status: int, failing: Iterable[int], query: Any = None, *, versioned: bool = False, cached: bool = False
) -> list[Any]:
    found = [query] if query else []
    if versioned:
        description = 'The version that you have seen, such as `"3"`; `*` or nothing for any.'
        found.append(_asked("If-Match", description, pattern=r'^(\*|"[1-9][0-9]{0,9}")$', examples=['"3"', "*"]))
    if cached:
        found.append(_asked("If-None-Match", "The ETag of the answer that you have."))
    found += [_answered("X-Request-Id", [status, *failing]), _answered("WWW-Authenticate", [401])]
    found += [_answered("Retry-After", [429])]
    if cached or versioned or status == 201:
        found.append(_answered("ETag", [status, 304] if cached else [status]))
    return found + ([_answered("Location", [status])] if status == 201 else [])


def _asked(name: str, description: str, **shape: Any) -> OpenApiParameter:
    schema = {"type": "string", **shape}
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=description)


def _answered(name: str, statuses: list[int]) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=HEADERS[name], response=statuses)


def _failure(status: int, among: Iterable[str] = OF_SIGNED_IN) -> OpenApiResponse:
    """The failure of a status, with an example of each of its codes; of a 400 and a 401 only of those `among`."""
    description, sentences = FAILURES[status]
    examples = [
        OpenApiExample(
            code,
            value={"success": False, "error": error, "code": code, **DETAILS.get(code, {}), "request_id": REQUEST_ID},
            response_only=True,
            status_codes=[str(status)],
        )
        for code, error in sentences.items()
        if status not in (400, 401) or code in among
    ]
    shape = reference(FAILURE_SHAPES.get(status, "Failure"))
    return OpenApiResponse(shape, description=description, examples=examples)
