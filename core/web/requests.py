"""What a request says of who sent it: the browser itself, or a script of a page."""

from django.http import HttpRequest


def wants_json(request: HttpRequest) -> bool:
    """Whether the page's own script asks, rather than the browser itself."""
    return request.headers.get("Accept", "").startswith("application/json")


def is_from_script(request: HttpRequest) -> bool:
    """Whether a page's own script sent it, to which neither a redirect nor a page of its own is of use."""
    return wants_json(request) or "X-Part" in request.headers
