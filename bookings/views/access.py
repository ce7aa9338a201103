"""Who may open a page, and what a page makes of a rule's refusal: both said once."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from accounts import roles
from accounts.models import User
from config.errors import answer
from stations.errors import NotFound, NotPermitted

View = Callable[..., HttpResponse]


class PageRequest(HttpRequest):
    """A request of somebody signed in, as every page here gets it."""

    user: User


def page(right: str = roles.VIEW) -> Callable[[View], View]:
    """A page for those with the right to pages and to this one. What is not visible is a 404, what is not allowed a 403."""

    def decorate(view: View) -> View:
        @wraps(view)
        @never_cache
        @login_required
        def handle(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perms([roles.PAGES, right]):
                return answer(request, 403)
            try:
                return view(request, *args, **kwargs)
            except NotPermitted as error:
                return answer(request, 403, sentence=str(error))
            except NotFound:
                raise Http404 from None

        return cast("View", handle)

    return decorate


def wants_json(request: HttpRequest) -> bool:
    """Whether the page's own script asks, rather than the browser itself."""
    return request.headers.get("Accept", "").startswith("application/json")


def is_part(request: HttpRequest) -> bool:
    """Whether the page's own script asks for what can have changed on the page, without the frame around it."""
    return request.headers.get("X-Part") == "calendar"
