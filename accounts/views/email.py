"""Changing one's own email, and the link that confirms the new one."""

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.auth import email_change, reauthentication
from accounts.auth.models import EmailChange
from accounts.forms import ChangeEmailForm
from accounts.views.base import (
    Refusal,
    SignedInRequest,
    check_confirmation,
    render_page,
    signed_in_page,
    too_many_attempts,
)
from accounts.views.post_only import does
from core.errors import Invalid
from core.web import notices
from core.web.error_pages import answer
from core.web.redisplay import redisplays


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("old")
@signed_in_page
@redisplays
def change(request: SignedInRequest) -> HttpResponse:
    form = _form(request, request.POST if request.method == "POST" else None)
    if not form.is_bound:
        return render_page(request, "accounts/change_email.html", {"form": form}, None)
    if refusal := check_confirmation(request, form):
        return render_page(request, "accounts/change_email.html", {"form": form}, refusal)
    try:
        is_changed = email_change.change(request.user, form.cleaned_data["email"])
    except email_change.TooManyLinks as limit:
        return render_page(request, "accounts/change_email.html", {"form": form}, too_many_attempts(form, limit.wait))
    except Invalid as error:
        form.add_error("email", str(error))
        return render_page(request, "accounts/change_email.html", {"form": form}, Refusal(400))
    text = _(
        "We've sent a link to your new email. Open it to confirm the change; until then, sign in with the old one."
    )
    if is_changed:
        text = _("Your email has been changed. Use it to sign in from now on.")
    notices.keep(request, text)
    return redirect("account")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in_page
@does(gettext_lazy("Confirm email"))
def confirm(request: SignedInRequest, token: str) -> HttpResponse:
    """Open the confirmation link. A button confirms it, because virus scanners open links as well."""
    expired = _("This link has expired or belongs to another account. Change your email again on your account page.")
    if not email_change.is_valid_token(request.user, token):
        return answer(request, 404, sentence=expired)
    if request.method != "POST":
        return render_page(
            request, "accounts/confirm_email.html", {"email": EmailChange.pending_for(request.user)}, None
        )
    try:
        is_changed = email_change.confirm(request.user, token)
    except Invalid as error:
        return answer(request, 400, sentence=str(error))
    if not is_changed:
        return answer(request, 404, sentence=expired)
    notices.keep(request, _("Your email has been changed. Use it to sign in from now on."))
    return redirect("account")


def _form(request: SignedInRequest, data: QueryDict | None) -> ChangeEmailForm:
    return ChangeEmailForm(data, recent=reauthentication.is_recent(request.session))
