"""Who may open a page, and what a page makes of a rule's refusal: both said once."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache

from accounts import roles
from accounts.models import User
from accounts.views.interrupted import sign_in_required
from accounts.views.submit_once import submit_once
from core.errors import NotFound, NotPermitted
from core.web.error_pages import answer
from core.web.notices import taken_refusal

View = Callable[..., HttpResponse]


class PageRequest(HttpRequest):
    """A request of somebody signed in, as every page here gets it."""

    user: User
    csp_nonce: str
    """Made when it is first asked for."""


def page(right: str = roles.VIEW) -> Callable[[View], View]:
    """A page for those with the right to pages and to this one. What is not visible is a 404, what is not allowed a 403."""

    def decorate(view: View) -> View:
        once = submit_once(view)

        @wraps(view)
        @never_cache
        @sign_in_required
        def handle(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perms([roles.PAGES, right]):
                return answer(request, 403)
            try:
                return once(request, *args, **kwargs)
            except NotPermitted as error:
                return answer(request, 403, sentence=str(error))
            except NotFound:
                raise Http404 from None

        return cast("View", handle)

    return decorate


PARTS: Final = {"calendar": "_part.html", "panel": "_panel.html"}
"""What the page's own script asks for by the header X-Part: what can have changed, or a page for the panel beside the grid."""


def asked_part(request: HttpRequest) -> str:
    """The part's name; "" for the whole page."""
    said = request.headers.get("X-Part", "")
    return said if said in PARTS else ""


def base_of(request: HttpRequest) -> str:
    """The template that is the frame of what was asked for."""
    return PARTS.get(asked_part(request), "base.html")


def draw(request: HttpRequest, template: str, shown: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """The page, in the frame that was asked for."""
    frame = {"base": base_of(request), "error": shown.get("error") or taken_refusal(request)}
    response = render(request, template, {**shown, **frame}, status=status)
    patch_vary_headers(response, ["X-Part"])
    return response
