"""Responses that complete a form, after which its one-time key is used up."""

from typing import TypeVar

from django.http import HttpResponse
from django.http.response import HttpResponseBase

Response = TypeVar("Response", bound=HttpResponse)


def final(response: Response) -> Response:
    """Mark a response other than a redirect as completing its form, such as a page that shows a new API key."""
    response.is_final = True  # type: ignore[attr-defined]
    return response


def is_final(response: HttpResponseBase) -> bool:
    return 300 <= response.status_code < 400 or getattr(response, "is_final", False)
