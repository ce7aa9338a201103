"""The JSON body of error responses: from the API, and to the scripts of pages."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, JsonResponse

from core import metrics
from core.errors import page_status


def error_body(
    request: HttpRequest,
    code: str,
    message: object,
    *,
    errors: Mapping[str, Sequence[object]] | None = None,
    data: Any = None,
) -> dict[str, Any]:
    """The body, with messages by field in `errors` and with `data` only if there are any."""
    body: dict[str, Any] = {"success": False, "error": str(message), "code": code}
    if errors:
        body["errors"] = {name: [str(text) for text in texts] for name, texts in errors.items()}
    if data is not None:
        body["data"] = data
    return {**body, "request_id": getattr(request, "request_id", "")}


def error_json(request: HttpRequest, code: str, message: object, *, status: int | None = None) -> JsonResponse:
    """An error response outside of REST framework's views; counts the refusal. The default status is the code's."""
    metrics.count_refusal(code)
    return JsonResponse(error_body(request, code, message), status=status or page_status(code))
