"""What the pages of one's own account share: who may open them, confirming the password, and where they lead."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from accounts.auth import reauthentication
from accounts.auth.rate_limits import TooManyFailures
from accounts.forms import ConfirmForm
from accounts.models import User
from accounts.views.interrupted import sign_in_required
from accounts.views.submit_once import submit_once
from core.web.client_address import remote_address
from core.web.notices import taken_refusal


class OwnRequest(HttpRequest):
    """A request of somebody signed in."""

    user: User


View = Callable[..., HttpResponse]


def own(view: View) -> View:
    """A page for everybody who is signed in, whatever their groups."""

    return never_cache(sign_in_required(submit_once(view)))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a form is shown again."""

    status: int
    wait: int = 0
    """Seconds, where there were too many attempts."""


def refused(request: OwnRequest, form: ConfirmForm) -> Refusal | None:
    """None where the form is whole, and the password and code that it asks for are right; else the form says what is wrong."""
    if not form.is_valid():
        return Refusal(400)
    password, code, address = form.given_password, form.given_code, remote_address(request)
    try:
        if reauthentication.confirm(request, request.user, password=password, code=code, address=address):
            return None
    except TooManyFailures as refusal:
        return too_often(form, refusal.wait)
    if password is not None and code is not None:
        # Which of the two was wrong is not for somebody to learn who has only one.
        form.add_error(None, _("The password or the code is wrong. Try again."))
    elif password is not None:
        form.add_error("old", _("Wrong password. Try again."))
    else:
        form.add_error(form.code_field, _("Wrong code. Enter the next one that your app shows, or a recovery code."))
    return Refusal(400)


def too_often(form: forms.Form, wait: int) -> Refusal:
    """The form says so, and for how many seconds."""
    form.add_error(None, _("Too many attempts. Try again in %(wait)d seconds.") % {"wait": wait})
    return Refusal(429, wait)


def target_of(request: HttpRequest) -> str:
    """Where `next` leads, if that is an address of this site; else ""."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if is_ours and target.startswith("/") else ""


def draw(request: HttpRequest, template: str, shown: dict[str, Any], refusal: Refusal | None) -> HttpResponse:
    shown = {**shown, "error": shown.get("error") or taken_refusal(request)}
    response = render(request, template, shown, status=refusal.status if refusal else 200)
    if refusal and refusal.wait:
        response["Retry-After"] = str(refusal.wait)
    return response
