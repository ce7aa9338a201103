"""Sudo mode for pages and the admin: a sensitive action first leads to a page that asks for the password."""

from collections.abc import Callable
from typing import Any, Final, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.auth import reauthentication
from accounts.forms import PasswordForm
from accounts.views.base import Refusal, SignedInRequest, check_confirmation, next_path, render_page, signed_in_page
from accounts.views.carried_forms import carried_fields
from accounts.views.submit_once import Interruption

FIELD: Final = "old"
"""The password field. A form that contains it was sent from the page that asks for the password."""


class PasswordRequired(Interruption):
    """A sensitive action was requested, and the password was not entered recently."""

    def __init__(self, form: PasswordForm, refusal: Refusal | None) -> None:
        self.form, self.refusal = form, refusal
        super().__init__()


def require(request: HttpRequest) -> None:
    """Return if the password was entered recently, or comes with the request and is correct.

    Raises PasswordRequired otherwise, which `AskForPassword` answers with the page that asks for it.
    """
    if reauthentication.is_recent(request.session):
        return
    form = PasswordForm(request.POST if FIELD in request.POST else None)
    refusal = check_confirmation(cast("SignedInRequest", request), form) if form.is_bound else None
    if refusal or not form.is_bound:
        raise PasswordRequired(form, refusal)


class AskForPassword:
    """Middleware that answers PasswordRequired. Hidden fields keep what was submitted, except for passwords."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, PasswordRequired):
            return None
        carried = carried_fields(request.POST)
        shown = {"form": exception.form, "action": request.get_full_path(), "carried": carried}
        return _page(request, shown, exception.refusal or Refusal(403))


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters(FIELD)
@signed_in_page
def confirm_password(request: SignedInRequest) -> HttpResponse:
    """Ask for the password, and redirect to `next`."""
    target = next_path(request) or reverse("account")
    if request.method != "POST" and reauthentication.is_recent(request.session):
        return redirect(target)
    form = PasswordForm(request.POST if request.method == "POST" else None)
    refusal = check_confirmation(request, form) if form.is_bound else None
    if form.is_bound and not refusal:
        return redirect(target)
    return _page(request, {"form": form, "action": reverse("confirm-password"), "carried": [("next", target)]}, refusal)


def _page(request: HttpRequest, shown: dict[str, Any], refusal: Refusal | None) -> HttpResponse:
    return render_page(request, "accounts/confirm_password.html", shown, refusal)
