"""Resetting a forgotten password, and setting a password by a link."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.auth import password_reset
from accounts.forms import NewPasswordForm, RequestResetForm
from accounts.views.base import render_page, too_many_attempts
from accounts.views.submit_once import submit_once
from core.web.client_address import remote_address
from core.web.error_pages import answer
from core.web.final_answers import final

View = Callable[..., HttpResponse]


def secret_page(view: View) -> View:
    """Decorate a page whose address can hold a secret_page token: it is not cached, and its URL is not sent to other sites.
    The host alone is sent as referrer, because the CSRF check of its own form needs it.
    """

    once = submit_once(view)

    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    @never_cache
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = once(request, *args, **kwargs)
        response["Referrer-Policy"] = "strict-origin"
        return response

    return cast("View", handle)


@secret_page
def request_reset(request: HttpRequest) -> HttpResponse:
    """Request a reset link. The response is the same whether the account exists or not. 404 where no email can be sent."""
    if not password_reset.is_available():
        raise Http404
    form = RequestResetForm(request.POST or None)
    if not form.is_valid():
        return render(request, "accounts/forgotten_password.html", {"form": form}, status=400 if form.is_bound else 200)
    email, language = form.cleaned_data["email"], get_language() or "en"
    if wait := password_reset.request_reset(email, language=language, address=remote_address(request)):
        return render_page(request, "accounts/forgotten_password.html", {"form": form}, too_many_attempts(form, wait))
    return final(render(request, "accounts/forgotten_password.html", {"asked": True}))


@secret_page
@sensitive_post_parameters()
def set_password(request: HttpRequest, reset_token: str) -> HttpResponse:
    """Set a password by a link, from a reset email or from a manager."""
    expired = _("This link has expired or was already used. Request a new one.")
    user = password_reset.user_for_token(reset_token, password_reset.accepted_links())
    if user is None:
        return answer(request, 404, sentence=expired)
    form, shown = NewPasswordForm(request.POST or None, person=user), {"is_first": not user.has_usable_password()}
    if not form.is_valid():
        status = 400 if form.is_bound else 200
        return render(request, "accounts/new_password.html", {**shown, "form": form}, status=status)
    if not password_reset.set_password(reset_token, form.cleaned_data["new"]):
        return answer(request, 404, sentence=expired)
    return final(render(request, "accounts/new_password.html", {**shown, "done": True}))
