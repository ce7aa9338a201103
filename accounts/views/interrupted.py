"""Forms from users who were signed out, or have signed in again: nothing is saved, and users are told how to continue.

Forms with typed text are shown again (`accounts.views.carried_forms`). For other forms, the user is redirected to the page that
the form belongs to, which says what was not done.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.views.post_only import Act, act_at, page_above
from accounts.views.submit_once import former_answer
from core.web import notices
from core.web.error_json import error_json
from core.web.requests import is_from_script

MARKER: Final = "not_saved"
"""A query parameter of the page after signing in, which says that a form sent to this URL was not carried out."""
SIGNED_OUT: Final = gettext_lazy("Not saved: %(act)s. You had been signed out. Please try again.")
SIGNED_IN_AGAIN: Final = gettext_lazy("Not saved: %(act)s. You have signed in again since. Please try again.")

View = TypeVar("View", bound=Callable[..., Any])


def sign_in_required(view: View) -> View:
    """Redirect anonymous users to the sign-in page; answer page scripts with status 401."""

    @wraps(view)
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            return cast("HttpResponse", view(request, *args, **kwargs))
        return former_answer(request) or ask_to_sign_in(request)

    return cast("View", handle)


def ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    if is_from_script(request):
        return error_json(request, "not_authenticated", _("You've been signed out."))
    return redirect_to_login(_target(request))


def _target(request: HttpRequest) -> str:
    """Where to go after signing in. For a form, includes what `next_page` needs to report that it was not carried out."""
    if request.method != "POST":
        return request.get_full_path()
    parameters = _act(request.path_info).query(request.POST)
    query = [(name, value) for name, value in request.GET.items() if name != MARKER]
    return f"{request.path_info}?{urlencode([*query, *parameters.items(), (MARKER, 1)])}"


def next_page(request: HttpRequest, target: str) -> str:
    """Where to redirect after signing in. For a URL that accepts only forms, this is the page above it, which is told what was
    not done.
    """
    address = urlsplit(target)
    page, query = page_above(address.path), dict(parse_qsl(address.query))
    if address.path.startswith("/api/") or (page == address.path and MARKER not in query):
        return target
    keep_refusal(request, page, SIGNED_OUT, act=_act(address.path).name(query))
    return _without_marker(target) if page == address.path else page


def keep_refusal(request: HttpRequest, page: str, sentence: str | Promise, *, act: str) -> None:
    notices.keep_refusal(request, str(sentence) % {"act": act}, for_admin=page.startswith("/admin/"))


def send_back(request: HttpRequest, sentence: str | Promise) -> HttpResponse:
    """Redirect to the page that a form belongs to, which says that it was not carried out."""
    path = request.path_info
    page, act = page_above(path), _act(path).name(request.POST)
    keep_refusal(request, page, sentence, act=act)
    return redirect(request.get_full_path() if page == path else page)


def _act(path: str) -> Act:
    return act_at(path) or Act(gettext_lazy("your last action"))


def _without_marker(target: str) -> str:
    address = urlsplit(target)
    query = urlencode([(name, value) for name, value in parse_qsl(address.query) if name != MARKER])
    return address._replace(query=query).geturl()
