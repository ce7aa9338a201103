"""The second factor: set up with an app, given new recovery codes, taken away; each only with the password once more."""

from django.contrib import auth
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts import second_factor
from accounts.forms import AppForm, KnownForm
from accounts.views.access import OwnRequest, Refusal, draw, own, refused
from bookings.views import notices


@require_safe
@own
def show(request: OwnRequest) -> HttpResponse:
    return _draw(request, KnownForm())


@require_POST
@own
def begin(request: OwnRequest) -> HttpResponse:
    return _draw_app(request, second_factor.begin(request.user), AppForm())


@require_POST
@sensitive_post_parameters()
@own
def confirm(request: OwnRequest) -> HttpResponse:
    """Into use, with the first code. This session stays, all others are over. The recovery codes stand in the answer alone."""
    secret, form = second_factor.begun(request.user), AppForm(request.POST)
    if not secret:
        return redirect("second-factor")
    if refusal := refused(request, form):
        return _draw_app(request, secret, form, refusal)
    codes = second_factor.confirm(request.user, form.cleaned_data["code"])
    if codes is None:
        form.add_error("code", _("This is not the code that the app shows now. Type the next one."))
        return _draw_app(request, secret, form, Refusal(400))
    auth.update_session_auth_hash(request, request.user)
    return _draw(request, KnownForm(), codes=codes)


@require_POST
@sensitive_post_parameters()
@own
def codes(request: OwnRequest) -> HttpResponse:
    form = KnownForm(request.POST)
    if not request.user.second_factor_at:
        return redirect("second-factor")
    if refusal := refused(request, form):
        return _draw(request, form, refusal=refusal)
    return _draw(request, KnownForm(), codes=second_factor.renew_codes(request.user))


@require_POST
@sensitive_post_parameters()
@own
def take_away(request: OwnRequest) -> HttpResponse:
    form = KnownForm(request.POST)
    if refusal := refused(request, form):
        return _draw(request, form, refusal=refusal)
    second_factor.take_away(request.user)
    auth.update_session_auth_hash(request, request.user)
    notices.keep(request, _("Your second factor is taken away. Set up another one, if you like."))
    return redirect("second-factor")


def _draw_app(request: OwnRequest, secret: str, form: AppForm, refusal: Refusal | None = None) -> HttpResponse:
    shown = {"form": form, "secret": secret, "picture": second_factor.picture(request.user, secret)}
    return draw(request, "accounts/factor_app.html", shown, refusal)


def _draw(
    request: OwnRequest, form: KnownForm, *, codes: list[str] | None = None, refusal: Refusal | None = None
) -> HttpResponse:
    shown = {"form": form, "codes": codes, "notice": notices.taken_notice(request)}
    return draw(request, "accounts/factor.html", shown, refusal)
