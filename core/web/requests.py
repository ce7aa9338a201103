"""Whether a request was sent by the browser itself or by a page's script."""

from django.http import HttpRequest


def wants_json(request: HttpRequest) -> bool:
    """Whether a page's script sent the request and expects JSON."""
    return request.headers.get("Accept", "").startswith("application/json")


def is_from_script(request: HttpRequest) -> bool:
    """Whether a page's script sent the request, which can use neither a redirect nor a whole page."""
    return wants_json(request) or "X-Part" in request.headers
