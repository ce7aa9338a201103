"""What the account pages share: who may open them, how errors are answered, and how the password is confirmed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
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
from core.errors import NotFound, NotPermitted
from core.web.client_address import remote_address
from core.web.error_pages import answer
from core.web.notices import taken_refusal


class SignedInRequest(HttpRequest):
    """A request of a signed-in user."""

    user: User


View = Callable[..., HttpResponse]


def signed_in_page(view: View) -> View:
    """A page for every signed-in user, whatever their groups."""
    return never_cache(sign_in_required(error_pages(submit_once(view))))


def error_pages(view: View) -> View:
    """Answer NotPermitted by an error page with status 403, and NotFound by one with 404."""

    @wraps(view)
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NotPermitted as error:
            return answer(request, 403, sentence=str(error))
        except NotFound:
            raise Http404 from None

    return cast("View", handle)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a form was refused."""

    status: int
    wait: int = 0
    """In seconds, after too many attempts."""


def check_confirmation(request: SignedInRequest, form: ConfirmForm) -> Refusal | None:
    """Check the form, and the password and code that it asks for. Adds the errors to it; returns None if there are none."""
    if not form.is_valid():
        return Refusal(400)
    password, code, address = form.given_password, form.given_code, remote_address(request)
    try:
        if reauthentication.confirm(request, request.user, password=password, code=code, address=address):
            return None
    except TooManyFailures as refusal:
        return too_many_attempts(form, refusal.wait)
    if password is not None and code is not None:
        # Do not reveal which of the two is wrong to somebody who knows one.
        form.add_error(None, _("The password or the code is wrong. Try again."))
    elif password is not None:
        form.add_error("old", _("Wrong password. Try again."))
    else:
        form.add_error(form.code_field, _("Wrong code. Enter the next one that your app shows, or a recovery code."))
    return Refusal(400)


def too_many_attempts(form: forms.Form, wait: int) -> Refusal:
    form.add_error(None, _("Too many attempts. Try again in %(wait)d seconds.") % {"wait": wait})
    return Refusal(429, wait)


def next_path(request: HttpRequest) -> str:
    """The parameter `next` if it is a path of this site; else ""."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    is_own = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if is_own and target.startswith("/") else ""


def render_page(request: HttpRequest, template: str, context: dict[str, Any], refusal: Refusal | None) -> HttpResponse:
    context = {**context, "error": context.get("error") or taken_refusal(request)}
    response = render(request, template, context, status=refusal.status if refusal else 200)
    if refusal and refusal.wait:
        response["Retry-After"] = str(refusal.wait)
    return response
