"""What all pages share: who may open them, and the templates that surround their content."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache

from accounts import roles
from accounts.models import User
from accounts.views.base import error_pages
from accounts.views.interrupted import sign_in_required
from accounts.views.submit_once import submit_once
from core.web.error_pages import answer
from core.web.notices import taken_refusal

View = Callable[..., HttpResponse]


class PageRequest(HttpRequest):
    """A request of a signed-in user."""

    user: User
    csp_nonce: str


def page(permission: str = roles.VIEW) -> Callable[[View], View]:
    """Require the permission to use pages, and this one. Domain errors that remain are answered by `error_pages`."""

    def decorate(view: View) -> View:
        respond = error_pages(submit_once(view))

        @wraps(view)
        @never_cache
        @sign_in_required
        def handle(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perms([roles.PAGES, permission]):
                return answer(request, 403)
            return respond(request, *args, **kwargs)

        return cast("View", handle)

    return decorate


PARTS: Final = {"calendar": "_calendar_part.html", "panel": "_panel.html"}
"""Values of the header X-Part, by which a page's script requests the calendar without its frame, or a page for the panel."""


def requested_part(request: HttpRequest) -> str:
    """The name of the part; "" for the whole page."""
    part = request.headers.get("X-Part", "")
    return part if part in PARTS else ""


def base_template(request: HttpRequest) -> str:
    """The template to extend: that of a whole page, or of the requested part."""
    return PARTS.get(requested_part(request), "base.html")


def render_page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render a whole page or the requested part of it, with the error that waits in the session if there is no other."""
    frame = {"base": base_template(request), "error": context.get("error") or taken_refusal(request)}
    response = render(request, template, {**context, **frame}, status=status)
    patch_vary_headers(response, ["X-Part"])
    return response
