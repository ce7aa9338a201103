"""Coming and going, for the pages and the admin alike."""

from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import authentication, resetting, roles, sessions
from accounts.forms import LoginForm
from accounts.models import User
from accounts.throttling import TooManyFailures
from accounts.views.access import draw, target_of, too_often
from core.web.client_address import remote_address


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password", "code")
@never_cache
def login(request: HttpRequest) -> HttpResponse:
    """The one log-in. An unknown e-mail, a wrong password and a wrong code are told alike, and take alike."""
    form = LoginForm(request.POST or None)
    target = target_of(request)
    shown = {"form": form, "next": target, "can_reset": resetting.is_offered()}
    if form.is_valid():
        address = remote_address(request)
        try:
            user = authentication.sign_in(request, **form.cleaned_data, address=address)
        except TooManyFailures as refusal:
            return draw(request, "accounts/login.html", shown, too_often(form, refusal.wait))
        if user:
            sessions.begin(request, user, address=address)
            return redirect(_way(user, target))
        form.add_error(
            None, _("E-mail and password do not match, or the code is missing or wrong. Try again, or ask a manager.")
        )
    status = 400 if form.is_bound else 200
    return render(request, "accounts/login.html", shown, status=status)


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    auth.logout(request)
    return redirect("login")


def _way(user: User, target: str) -> str:
    """Where somebody wanted to go; whoever has no pages would only be refused there, and begins at the API."""
    if user.has_perm(roles.PAGES) or target.startswith(("/api/", "/accounts/")):
        return target or "/"
    return "/api/"
