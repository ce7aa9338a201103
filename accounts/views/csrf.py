"""The response to forms with an outdated CSRF token.

Signing in changes the browser's token, so pages that were open in other tabs have an old one. Their forms are not carried out,
but shown again if possible, so that nothing typed is lost. Forms from other sites have no token, or the wrong origin, and are
refused.
"""

import re
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.urls import ResolverMatch

from accounts.forms import LoginForm
from accounts.rls import session
from accounts.views import carried_forms, interrupted, login
from accounts.views.base import Refusal
from core import metrics
from core.web import error_pages, form_keys, redisplay
from core.web.error_json import error_json
from core.web.redisplay import Reason
from core.web.requests import is_from_script

TOKEN: Final = re.compile("[A-Za-z0-9]{32}|[A-Za-z0-9]{64}")
"""The format of Django's tokens."""
STALE: Final = (REASON_NO_CSRF_COOKIE, "CSRF token from POST incorrect.")
"""Reasons why forms of the product itself may be refused. Django has checked the origin before."""


def failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    match, is_api = request.resolver_match, request.path_info.startswith("/api/")
    if is_from_script(request) and not is_api:
        return error_json(request, "csrf_failed", error_pages.CSRF_SENTENCE)
    if match is None or is_api or not _is_stale(request, reason):
        return error_pages.csrf_failure(request, reason)
    metrics.count_refusal("csrf_failed")
    if match.view_name == "login":
        return login.login_after_stale_token(request)
    if match.view_name in ("logout", "admin:logout") and _may_sign_out(request):
        return _call_view(request, match)
    if match.view_name == "language":  # harmless
        return _call_view(request, match)
    if redisplay.is_possible(request):
        return _redisplayed(request, match) or error_pages.csrf_failure(request, reason)
    if not request.user.is_authenticated:
        return interrupted.ask_to_sign_in(request)
    return interrupted.send_back(request, interrupted.SIGNED_IN_AGAIN)


def _is_stale(request: HttpRequest, reason: str) -> bool:
    token = request.POST.get("csrfmiddlewaretoken", "")
    return reason in STALE and TOKEN.fullmatch(token) is not None


def _may_sign_out(request: HttpRequest) -> bool:
    """Whether the form comes from a page of the product, by its key or by its origin, which Django has checked."""
    is_own = form_keys.is_for(request.POST.get(form_keys.FIELD, ""), request.user)
    return is_own or "Origin" in request.headers or not request.user.is_authenticated


def _redisplayed(request: HttpRequest, match: ResolverMatch) -> HttpResponse | None:
    """Show the form again to the user for whom it was rendered; None for anyone else."""
    key = request.POST.get(form_keys.FIELD, "")
    if not request.user.is_authenticated:
        return _sign_in_page(request)
    if carried_forms.FIELD in request.POST:
        return carried_forms.show_again(request, Reason.SIGNED_OUT) or _call_view(request, match)
    if not form_keys.is_for(key, request.user):
        return None
    redisplay.prepare(request, request.POST, Reason.SIGNED_IN_AGAIN)
    return _call_view(request, match)


def _sign_in_page(request: HttpRequest) -> HttpResponse:
    carried = request.POST.get(carried_forms.FIELD)
    form = LoginForm(initial={"email": request.POST.get("email", "") if carried else ""})
    error = login.TRY_AGAIN if carried else carried_forms.SIGNED_OUT
    return carried_forms.sign_in_page(
        request, form, carried or carried_forms.encrypt_form(request), Refusal(403), error=error
    )


def _call_view(request: HttpRequest, match: ResolverMatch) -> HttpResponse:
    """Call the view in spite of the refusal, for harmless requests and for showing a form again."""
    request.csrf_processing_done = True  # type: ignore[attr-defined]  # the admin checks the token again
    session.activate(request.user)
    response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    return response
