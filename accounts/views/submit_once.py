"""Forms with a one-time key are taken once: whoever sends one again gets the first answer, also while the first is under way."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlencode

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts.idempotency import service
from accounts.idempotency.service import Answer, Claim, KeyedRequest
from core.web import form_keys, notices, redisplay
from core.web.final_answers import is_final
from core.web.redisplay import Reason

KIND: Final = "form"
_NOBODY: Final = ""
SESSION_LIFETIME: Final = timedelta(minutes=1)
"""For how long whoever sends a form again that began a session, or moved it to another key, gets that session."""

View = TypeVar("View", bound=Callable[..., Any])


class Interruption(Exception):
    """Raised by a view that has done nothing yet and is answered otherwise. What was counted before, as failures are, stays."""


def submit_once(view: View) -> View:
    """Take each submission of a form once, in one transaction with all that the view writes.

    A redirect, or an answer that is marked as final, is kept for whoever sends the form again; after any other answer, and
    after an exception, the key is as good as before. Forms without a key are taken as often as they are sent.
    """

    @wraps(view)
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST":
            return cast("HttpResponse", view(request, *args, **kwargs))
        if redisplay.is_asked(request):
            return show_again(view, request, *args, **kwargs)
        if _owner_in(request) not in (_NOBODY, str(request.user.pk)):
            return cast("HttpResponse", view(request, *args, **kwargs))
        return _once(view, request, *args, **kwargs)

    return cast("View", handle)


def replay(request: HttpRequest) -> HttpResponse | None:
    """The first answer to this very form, where it was done already; None where it was not."""
    claim = service.find(_keyed(request)) if _owner_in(request) is not None else None
    return _replayed(request, claim) if claim and claim.is_same else None


def former_answer(request: HttpRequest) -> HttpResponse | None:
    """The answer to a form that was done and has ended its sender's session, such as a new password; None for any other form.

    Whoever sends it again is not signed in: they are redirected as the first was, and shown nothing else.
    """
    claim = service.find(_keyed(request)) if _owner_in(request) else None
    return _replayed(request, claim) if claim and claim.is_same and _is_redirect(claim.answer) else None


def show_again(view: Callable[..., Any], request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """The form as it was filled in, and why it is not saved. Whatever the view writes all the same is rolled back."""
    with transaction.atomic():
        response: HttpResponse = view(request, *args, **kwargs)
        transaction.set_rollback(True)
    if response.status_code == 400:
        response.status_code = 200
    return response


def _once(view: Callable[..., Any], request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    interruption: Interruption | None = None
    with transaction.atomic():
        claim = service.claim(_keyed(request))
        if claim.is_new:
            try:
                return _first(claim, view, request, *args, **kwargs)
            except Interruption as error:
                claim.release()
                interruption = error
    if interruption:
        raise interruption
    if claim.is_same:
        return _replayed(request, claim)
    if redisplay.is_possible(request):
        redisplay.prepare(request, request.POST, Reason.SENT_BEFORE)
        return show_again(view, request, *args, **kwargs)
    # Another of the form's buttons, of a page that the browser's back button brought again.
    return cast("HttpResponse", view(request, *args, **kwargs))


def _first(claim: Claim, view: Callable[..., Any], request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    before = request.session.session_key
    response: HttpResponse = view(request, *args, **kwargs)
    if is_final(response):
        if request.session.session_key not in (before, None):
            # Whoever sends the form again goes on with this session as soon as the transaction ends: it has to be whole by then.
            request.session.save()
        claim.settle(_recorded(request, response, before))
    else:
        claim.release()
    return response


def _owner_in(request: HttpRequest) -> str | None:
    """The id of the person whose form it is: `_NOBODY` where nobody was signed in; None where it has no key that is good."""
    return form_keys.user_id_in(request.POST.get(form_keys.FIELD, ""))


def _keyed(request: HttpRequest) -> KeyedRequest:
    sent = sorted(
        (name, value) for name, values in request.POST.lists() if name not in redisplay.TOKENS for value in values
    )
    return KeyedRequest(
        user_id=int(owner) if (owner := _owner_in(request)) else None,
        kind=KIND,
        address=request.get_full_path(),
        key=request.POST[form_keys.FIELD],
        body=urlencode(sent).encode(),
    )


def _recorded(request: HttpRequest, response: Any, session_key_before: str | None) -> Answer:
    if hasattr(response, "render"):
        response.render()
    session_key = request.session.session_key
    return {
        "status": response.status_code,
        "headers": dict(response.headers),
        "content": response.content.decode(),
        # The scripts of the page run for the nonce in it.
        "nonce": getattr(request, "_csp_nonce", None),
        "notices": notices.waiting(request),
        # A new password, or one given again, moves its session to another key.
        "session": None if session_key == session_key_before else [session_key],
    }


def _replayed(request: HttpRequest, claim: Claim) -> HttpResponse:
    answer, is_recent = claim.answer, timezone.now() - claim.row.created_at < SESSION_LIFETIME
    if answer["session"] and is_recent and not request.session.exists(request.session.session_key or ""):
        _follow(request, *answer["session"])
    if answer["nonce"]:
        request._csp_nonce = answer["nonce"]  # type: ignore[attr-defined]
    notices.keep_again(request, answer["notices"])
    if _is_redirect(answer):
        return redirect(answer["headers"]["Location"])
    return HttpResponse(answer["content"], status=answer["status"], headers=answer["headers"])


def _is_redirect(answer: Answer) -> bool:
    return "Location" in answer["headers"]


def _follow(request: HttpRequest, session_key: str | None) -> None:
    """Go on with the session that the first answer left the browser with, which may not have arrived there."""
    if session_key is None:
        request.session.flush()
        return
    request.session = type(request.session)(session_key)
    request.session.modified = True
