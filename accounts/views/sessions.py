"""The page on which users see where they are signed in, and sign other browsers out."""

from django.contrib import auth
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from accounts.auth import sessions
from accounts.views.base import SignedInRequest, render_page, signed_in_page
from accounts.views.post_only import does, post_only
from core.web import notices


@require_safe
@signed_in_page
def index(request: SignedInRequest) -> HttpResponse:
    shown = {
        "sessions": sessions.active_sessions(request.user),
        "this": sessions.row_of(request.session),
        "notice": notices.taken_notice(request),
    }
    return render_page(request, "accounts/sessions.html", shown, None)


@post_only
@signed_in_page
@does(gettext_lazy("Sign out"))
def end(request: SignedInRequest, session_id: int) -> HttpResponse:
    ended = sessions.end(session_id, by=request.user)
    if ended == sessions.row_of(request.session):
        auth.logout(request)
        return redirect("login")
    notices.keep(request, _("Signed out: %(device)s.") % {"device": ended})
    return redirect("sessions")


@post_only
@signed_in_page
@does(gettext_lazy("Sign out all other browsers"))
def end_others(request: SignedInRequest) -> HttpResponse:
    count = sessions.end_others(sessions.row_of(request.session), by=request.user)
    message = ngettext("%(count)d other browser signed out.", "%(count)d other browsers signed out.", count)
    notices.keep(request, message % {"count": count})
    return redirect("sessions")
