"""The account page, for every signed-in user: name, password, and revoking all access."""

from django.contrib import auth
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts.auth import reauthentication, sessions
from accounts.forms import ChangeNameForm, ChangePasswordForm
from accounts.views.base import Refusal, SignedInRequest, check_confirmation, render_page, signed_in_page
from accounts.views.post_only import does, post_only
from core.web import notices
from core.web.redisplay import redisplays
from stations.models import Station


@require_safe
@signed_in_page
def show(request: SignedInRequest) -> HttpResponse:
    return _page(request, _password_form(request))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in_page
@redisplays
def change_name(request: SignedInRequest) -> HttpResponse:
    form = ChangeNameForm(request.POST if request.method == "POST" else None, initial={"name": request.user.name})
    if not form.is_valid():
        return render_page(
            request, "accounts/change_name.html", {"form": form}, Refusal(400) if form.is_bound else None
        )
    request.user.name = form.cleaned_data["name"]
    request.user.save(update_fields=["name"])
    notices.keep(request, _("Your name has been saved."))
    return redirect("account")


@post_only
@sensitive_post_parameters()
@signed_in_page
@does(gettext_lazy("Change password"))
def change_password(request: SignedInRequest) -> HttpResponse:
    """Change the password. This session continues, all others end."""
    form = _password_form(request, request.POST)
    if refusal := check_confirmation(request, form):
        return _page(request, form, refusal)
    request.user.set_password(form.cleaned_data["new"])
    sessions.save_password(request.user)
    auth.update_session_auth_hash(request, request.user)
    notices.keep(request, _("Your password has been changed. You have been signed out everywhere else."))
    return redirect("account")


@post_only
@signed_in_page
@does(gettext_lazy("Sign out everywhere and revoke all access"))
def revoke_access(request: SignedInRequest) -> HttpResponse:
    sessions.revoke_access(request.user)
    auth.logout(request)
    return redirect("login")


def _password_form(request: SignedInRequest, data: QueryDict | None = None) -> ChangePasswordForm:
    return ChangePasswordForm(data, person=request.user, recent=reauthentication.is_recent(request.session))


def _page(request: SignedInRequest, form: ChangePasswordForm, refusal: Refusal | None = None) -> HttpResponse:
    stations = Station.objects.visible_to(request.user)
    shown = {
        "form": form,
        "stations": stations,
        "notice": notices.taken_notice(request),
    }
    return render_page(request, "accounts/account.html", shown, refusal)
