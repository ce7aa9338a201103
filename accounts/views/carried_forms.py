"""Forms submitted after the user was signed out: the sign-in page keeps the form, which is shown again afterwards.

It is kept in a hidden field, encrypted and signed, for an hour. It is accepted only for the same URL, and from the user for whom
the form was rendered. Passwords are never kept.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from cryptography.fernet import Fernet, InvalidToken
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.cache import add_never_cache_headers
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.auth import password_reset
from accounts.forms import PASSWORD_FIELDS, LoginForm
from accounts.views import sign_in
from accounts.views.base import Refusal, render_page
from core.tokens import fernet
from core.web import form_keys, notices, redisplay
from core.web.redisplay import Reason
from core.web.requests import is_from_script

FIELD: Final = "carried_form"
LIFETIME_SECONDS: Final = 3600
NOT_CARRIED: Final = PASSWORD_FIELDS | redisplay.TOKENS
SIGNED_OUT: Final = _(
    "Not saved yet: you've been signed out. Sign in again, and your form is shown as you filled it in."
)
EXPIRED: Final = _("Not saved: it took too long to sign in. Please fill in the form again.")
OTHER_USERS_FORM: Final = _("Not saved: someone else filled in this form, so you can't see it.")


@dataclass(frozen=True, slots=True)
class CarriedForm:
    key: str
    """The form's one-time key, which identifies the user for whom it was rendered."""
    fields: list[tuple[str, str]]


class SignInAgain:
    """Middleware that answers a form from a signed-out user with the sign-in page, and shows the form again afterwards.

    Applies to views that can redisplay their forms.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if request.method != "POST" or not redisplay.is_possible(request):
            return None
        if FIELD in request.POST:
            return _resume(request)
        if request.user.is_authenticated or form_keys.FIELD not in request.POST or is_from_script(request):
            return None
        return sign_in_page(request, LoginForm(), encrypt_form(request), Refusal(403))


def carried_fields(data: QueryDict) -> list[tuple[str, str]]:
    return [(name, value) for name, values in data.lists() if name not in NOT_CARRIED for value in values]


def encrypt_form(request: HttpRequest) -> str:
    """Encrypt the submitted form, for the hidden field of the sign-in page."""
    key = request.POST.get(form_keys.FIELD, "")
    return _fernet(request).encrypt(json.dumps([key, carried_fields(request.POST)]).encode()).decode()


def decrypt_form(request: HttpRequest) -> CarriedForm | None:
    """The form in the hidden field; None if it is forged, from another URL or too old."""
    try:
        found = _fernet(request).decrypt(request.POST[FIELD].encode(), ttl=LIFETIME_SECONDS)
    except InvalidToken:
        return None
    key, fields = json.loads(found)
    return CarriedForm(key, [(name, value) for name, value in fields])


def _fernet(request: HttpRequest) -> Fernet:
    return fernet("carried form", request.get_full_path())


def sign_in_page(
    request: HttpRequest, form: LoginForm, carried: str, refusal: Refusal, *, error: str | Promise = SIGNED_OUT
) -> HttpResponse:
    shown = {
        "form": form,
        "action": request.get_full_path(),
        "carried": [(FIELD, carried)],
        "can_reset": password_reset.is_available(),
        "error": error,
    }
    response = render_page(request, "accounts/login.html", shown, refusal)
    add_never_cache_headers(response)
    return response


def _resume(request: HttpRequest) -> HttpResponse | None:
    """Sign the user in. Returns None to continue with the view, which shows the form again."""
    request.sensitive_post_parameters = ["password", "code"]  # type: ignore[attr-defined]
    if not request.user.is_authenticated:
        form = LoginForm(request.POST)
        if refusal := sign_in.attempt(request, form):
            return sign_in_page(request, form, request.POST[FIELD], refusal)
    return show_again(request, Reason.SIGNED_OUT)


def show_again(request: HttpRequest, reason: Reason) -> HttpResponse | None:
    """Replace the request's data by the kept form, so that the view shows it again.

    Returns a response without the form for any other user.
    """
    if getattr(request.user, "must_set_up_two_factor", False):
        return redirect("two-factor")
    carried = decrypt_form(request)
    if carried is None or not form_keys.is_for(carried.key, request.user):
        for_admin = request.path_info.startswith("/admin/")
        notices.keep_refusal(request, OTHER_USERS_FORM if carried else EXPIRED, for_admin=for_admin)
        return redirect(request.get_full_path())
    redisplay.prepare(request, QueryDict(urlencode(carried.fields)), reason)
    return None
