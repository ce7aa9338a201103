"""What the pages of one's own account share: whom they open to, that the password is asked again, and what is said when it was
too often."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from accounts import authentication
from accounts.forms import KnownForm
from accounts.models import User
from accounts.throttling import TooManyFailures
from core.web.client_address import remote_address


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


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a form is shown again."""

    status: int
    wait: int = 0
    """Seconds, where there were too many attempts."""


def refused(request: OwnRequest, form: KnownForm) -> Refusal | None:
    """None where the form is whole and the password right; else the form says what is wrong."""
    if not form.is_valid():
        return Refusal(400)
    old, address = form.cleaned_data["old"], remote_address(request)
    try:
        if authentication.knows_password(request, request.user, old, address=address):
            return None
    except TooManyFailures as refusal:
        return too_often(form, refusal.wait)
    form.add_error("old", _("This is not your password. Try again."))
    return Refusal(400)


def too_often(form: forms.Form, wait: int) -> Refusal:
    """The form says so, and for how many seconds."""
    form.add_error(None, _("Too many attempts. Try again in %(wait)d seconds.") % {"wait": wait})
    return Refusal(429, wait)


def draw(request: HttpRequest, template: str, shown: dict[str, Any], refusal: Refusal | None) -> HttpResponse:
    response = render(request, template, shown, status=refusal.status if refusal else 200)
    if refusal and refusal.wait:
        response["Retry-After"] = str(refusal.wait)
    return response
