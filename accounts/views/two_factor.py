"""Two-factor authentication of one's own account: setting up an app, new recovery codes, turning it off."""

from django.contrib import auth
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe

from accounts.auth import reauthentication, two_factor
from accounts.forms import AuthenticatorForm, TwoFactorForm
from accounts.views.base import Refusal, SignedInRequest, check_confirmation, render_page, signed_in_page
from accounts.views.post_only import does, post_only
from accounts.views.reauthentication import require
from core.web import notices
from core.web.final_answers import final


@require_safe
@signed_in_page
def show(request: SignedInRequest) -> HttpResponse:
    return _page(request, _form(request))


@post_only
@signed_in_page
@does(gettext_lazy("Set up your app"))
def start_enrolment(request: SignedInRequest) -> HttpResponse:
    require(request)
    return final(_app_page(request, two_factor.start_enrolment(request.user), _app_form(request)))


@post_only
@sensitive_post_parameters()
@signed_in_page
@does(gettext_lazy("Set up your app"))
def confirm(request: SignedInRequest) -> HttpResponse:
    """Enable the app with its first code. This session continues, all others end. Shows the recovery codes once."""
    secret, form = two_factor.pending_secret(request.user), _app_form(request, request.POST)
    if not secret:
        return redirect("two-factor")
    if form.is_valid() and not two_factor.matches_pending_secret(request.user, form.cleaned_data["code"]):
        # Checked first, so that a typing error does not spend a recovery code.
        form.add_error("code", _("This code is not valid. Enter the next one that your app shows."))
    if refusal := check_confirmation(request, form):
        return _app_page(request, secret, form, refusal)
    codes = two_factor.confirm(request.user, form.cleaned_data["code"])
    if codes is None:
        return redirect("two-factor")
    auth.update_session_auth_hash(request, request.user)
    return final(_page(request, _form(request), codes=codes))


@post_only
@sensitive_post_parameters()
@signed_in_page
@does(gettext_lazy("New recovery codes"))
def renew_recovery_codes(request: SignedInRequest) -> HttpResponse:
    form = _form(request, request.POST)
    if not request.user.second_factor_at:
        return redirect("two-factor")
    if refusal := check_confirmation(request, form):
        return _page(request, form, refusal=refusal)
    return final(_page(request, _form(request), codes=two_factor.renew_recovery_codes(request.user)))


@post_only
@sensitive_post_parameters()
@signed_in_page
@does(gettext_lazy("Turn it off"))
def disable(request: SignedInRequest) -> HttpResponse:
    form = _form(request, request.POST)
    if not request.user.second_factor_at:
        return redirect("two-factor")
    if refusal := check_confirmation(request, form):
        return _page(request, form, refusal=refusal)
    two_factor.disable(request.user)
    auth.update_session_auth_hash(request, request.user)
    notices.keep(request, _("Two-factor authentication is off. You can set it up again at any time."))
    return redirect("two-factor")


def _form(request: SignedInRequest, data: QueryDict | None = None) -> TwoFactorForm:
    return TwoFactorForm(data, recent=reauthentication.is_recent(request.session))


def _app_form(request: SignedInRequest, data: QueryDict | None = None) -> AuthenticatorForm:
    recent, replaces = reauthentication.is_recent(request.session), request.user.second_factor_at is not None
    return AuthenticatorForm(data, recent=recent, replaces=replaces)


def _app_page(
    request: SignedInRequest, secret: str, form: AuthenticatorForm, refusal: Refusal | None = None
) -> HttpResponse:
    shown = {"form": form, "secret": secret, "qr_code": two_factor.qr_code(request.user, secret)}
    return render_page(request, "accounts/two_factor_app.html", shown, refusal)


def _page(
    request: SignedInRequest, form: TwoFactorForm, *, codes: list[str] | None = None, refusal: Refusal | None = None
) -> HttpResponse:
    shown = {
        "form": form,
        "codes": codes,
        "notice": notices.taken_notice(request),
    }
    return render_page(request, "accounts/two_factor.html", shown, refusal)
