"""Which answers say that a form was done, so that its one-time key is spent."""

from typing import TypeVar

from django.http import HttpResponse
from django.http.response import HttpResponseBase

Response = TypeVar("Response", bound=HttpResponse)


def final(response: Response) -> Response:
    """Mark an answer that is no redirect as that of a form that was done, such as one that shows a new key."""
    response.is_final = True  # type: ignore[attr-defined]
    return response


def is_final(response: HttpResponseBase) -> bool:
    return 300 <= response.status_code < 400 or getattr(response, "is_final", False)
