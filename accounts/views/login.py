"""Signing in and out, for the pages and the admin."""

from urllib.parse import urlencode

from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
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
from accounts.views.base import Refusal, next_path, render_page
from accounts.views.post_only import post_only
from accounts.views.submit_once import replay, submit_once
from core.web.client_address import remote_address

TRY_AGAIN = _("You were not signed in because this page was out of date. Please try again.")


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password", "code")
@never_cache
def login(request: HttpRequest) -> HttpResponse:
    form = LoginForm(request.POST or None)
    if not form.is_bound:
        return _page(request, form, None)
    if answer := replay(request):
        return answer
    result = sign_in.identify(request, form)
    if isinstance(result, Refusal):
        # Codes work once: the same form may have signed in meanwhile.
        return replay(request) or _page(request, form, result)
    return _start_session(request, result)


@submit_once
def _start_session(request: HttpRequest, user: User) -> HttpResponse:
    """Start the session, once per form. Separate from the slow password check, because this holds a transaction."""
    sessions.start(request, user, address=remote_address(request))
    return redirect(interrupted.next_page(request, _destination(request)))


@never_cache
def login_after_stale_token(request: HttpRequest) -> HttpResponse:
    """Answer a sign-in form with an outdated CSRF token, from before a sign-in or sign-out in another tab. Signs nobody in.

    A user who has already signed in with the same email is redirected.
    """
    if request.user.is_authenticated and request.user.email == request.POST.get("email", "").strip().lower():
        return redirect(_destination(request))
    form = LoginForm(initial={"email": request.POST.get("email", "")})
    return _page(request, form, Refusal(400), error=TRY_AGAIN)


@post_only
def logout(request: HttpRequest) -> HttpResponse:
    """Sign out. With a `next` page, as “Switch user” sends it, the next person who signs in gets that page."""
    target = next_path(request)
    auth.logout(request)
    return redirect(f"{reverse('login')}?{urlencode({'next': target})}" if target else "login")


def _page(request: HttpRequest, form: LoginForm, refusal: Refusal | None, *, error: str | Promise = "") -> HttpResponse:
    carried = [("next", target)] if (target := next_path(request)) else []
    shown = {"form": form, "carried": carried, "can_reset": password_reset.is_available(), "error": error}
    return render_page(request, "accounts/login.html", shown, refusal)


def _destination(request: HttpRequest) -> str:
    """Where to redirect after signing in. Users without permission for pages start at the API."""
    target = next_path(request)
    if request.user.has_perm(roles.PAGES) or target.startswith(("/api/", "/accounts/")):
        return target or "/"
    return "/api/"
