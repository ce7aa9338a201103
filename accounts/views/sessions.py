"""The page on which users see where they are signed in, and sign other browsers out."""

from django.contrib import auth
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from accounts.auth import sessions
from accounts.views.base import OwnRequest, draw, own
from accounts.views.post_only import does, post_only
from core.errors import NotFound
from core.web import notices


@require_safe
@own
def index(request: OwnRequest) -> HttpResponse:
    shown = {
        "sessions": sessions.active_sessions(request.user),
        "this": sessions.row_of(request.session),
        "notice": notices.taken_notice(request),
    }
    return draw(request, "accounts/sessions.html", shown, None)


@post_only
@own
@does(gettext_lazy("Sign out"))
def end(request: OwnRequest, session_id: int) -> HttpResponse:
    try:
        ended = sessions.end(session_id, by=request.user)
    except NotFound:
        raise Http404 from None
    if ended == sessions.row_of(request.session):
        auth.logout(request)
        return redirect("login")
    notices.keep(request, _("Signed out: %(device)s.") % {"device": ended})
    return redirect("sessions")


@post_only
@own
@does(gettext_lazy("Sign out all other browsers"))
def end_others(request: OwnRequest) -> HttpResponse:
    count = sessions.end_others(sessions.row_of(request.session), by=request.user)
    message = ngettext("%(count)d other browser signed out.", "%(count)d other browsers signed out.", count)
    notices.keep(request, message % {"count": count})
    return redirect("sessions")
