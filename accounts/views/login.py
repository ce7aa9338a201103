"""Coming and going, for the pages and the admin alike."""

from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import roles
from accounts.auth import password_reset, sessions
from accounts.forms import LoginForm
from accounts.models import User
from accounts.views import interrupted, sign_in
from accounts.views.base import Refusal, draw, target_of
from accounts.views.post_only import post_only
from accounts.views.submit_once import replay, submit_once
from core.web.client_address import remote_address

TRY_AGAIN = _(
    "You were not signed in, because this page was open since before you last signed in or out. Please try again."
)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password", "code")
@never_cache
def login(request: HttpRequest) -> HttpResponse:
    form = LoginForm(request.POST or None)
    if not form.is_bound:
        return _page(request, form, None)
    if answer := replay(request):
        return answer
    found = sign_in.identify(request, form)
    if isinstance(found, Refusal):
        # A code is good once: the same form may have signed in meanwhile.
        return replay(request) or _page(request, form, found)
    return _begin(request, found)


@submit_once
def _begin(request: HttpRequest, user: User) -> HttpResponse:
    """Begin the session, once for each form; apart from what takes long, for a form that is taken once holds a transaction."""
    sessions.start(request, user, address=remote_address(request))
    return redirect(interrupted.led_on(request, _way(request)))


@never_cache
def login_after_stale_token(request: HttpRequest) -> HttpResponse:
    """A form to sign in that was made before its sender signed in, or out, in another tab. Nobody is signed in by it.

    Whoever has meanwhile signed in with the same email is led on.
    """
    if request.user.is_authenticated and request.user.email == request.POST.get("email", "").strip().lower():
        return redirect(_way(request))
    form = LoginForm(initial={"email": request.POST.get("email", "")})
    return _page(request, form, Refusal(400), problem=TRY_AGAIN)


@post_only
def logout(request: HttpRequest) -> HttpResponse:
    auth.logout(request)
    return redirect("login")


def _page(
    request: HttpRequest, form: LoginForm, refusal: Refusal | None, *, problem: str | Promise = ""
) -> HttpResponse:
    carried = [("next", target)] if (target := target_of(request)) else []
    shown = {"form": form, "carried": carried, "can_reset": password_reset.is_available(), "error": problem}
    return draw(request, "accounts/login.html", shown, refusal)


def _way(request: HttpRequest) -> str:
    """Where somebody wanted to go; whoever has no pages would only be refused there, and begins at the API."""
    target = target_of(request)
    if request.user.has_perm(roles.PAGES) or target.startswith(("/api/", "/accounts/")):
        return target or "/"
    return "/api/"
