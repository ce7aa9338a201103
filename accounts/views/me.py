"""What is one's own: the account page, for everybody who is signed in."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib import auth
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts import authentication, sessions
from accounts.forms import OwnPasswordForm
from accounts.models import User
from accounts.throttling import TooManyFailures
from bookings.views import notices
from config.middleware import remote_address
from stations.models import Station


class OwnRequest(HttpRequest):
    """A request of somebody signed in."""

    user: User


View = Callable[..., HttpResponse]


def own(view: View) -> View:
    """A page for everybody who is signed in, whatever their groups."""

    @wraps(view)
    @never_cache
    @login_required
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs)

    return cast("View", handle)


@require_safe
@own
def account(request: OwnRequest) -> HttpResponse:
    return _draw(request, OwnPasswordForm(person=request.user))


@require_POST
@sensitive_post_parameters()
@own
def password(request: OwnRequest) -> HttpResponse:
    """Another password, for whoever knows the old one. This session stays, all others are over."""
    form = OwnPasswordForm(request.POST, person=request.user)
    if not form.is_valid():
        return _draw(request, form, status=400)
    try:
        if not _knows(request, form.cleaned_data["old"]):
            form.add_error("old", _("This is not your password. Try again."))
            return _draw(request, form, status=400)
    except TooManyFailures as refusal:
        form.add_error(None, _("Too many attempts. Try again in %(wait)d seconds.") % {"wait": refusal.wait})
        return _draw(request, form, status=429, wait=refusal.wait)
    request.user.set_password(form.cleaned_data["new"])
    sessions.give_password(request.user)
    auth.update_session_auth_hash(request, request.user)
    notices.keep(request, _("Your password is changed. Everywhere else you are logged out."))
    return redirect("me")


def _knows(request: OwnRequest, password: str) -> bool:
    return authentication.knows_password(request, request.user, password, address=remote_address(request))


@require_POST
@own
def end_everything(request: OwnRequest) -> HttpResponse:
    sessions.end_everything(request.user)
    auth.logout(request)
    return redirect("login")


def _draw(request: OwnRequest, form: OwnPasswordForm, *, status: int = 200, wait: int = 0) -> HttpResponse:
    shown = {
        "form": form,
        "stations": Station.objects.visible_to(request.user),
        "notice": notices.taken_notice(request),
    }
    response = render(request, "accounts/me.html", shown, status=status)
    if wait:
        response["Retry-After"] = str(wait)
    return response
