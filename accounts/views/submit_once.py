"""Forms with a one-time key are processed once: sending one again returns the first response, even while it is in progress."""

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
_ANONYMOUS: Final = ""
SESSION_LIFETIME: Final = timedelta(minutes=1)
"""How long resending a form that started a session, or changed its key, returns that session."""

View = TypeVar("View", bound=Callable[..., Any])


class Interruption(Exception):
    """Raised by a view that has done nothing yet, to be answered by middleware. Counted failures are kept."""


def submit_once(view: View) -> View:
    """Process each submission of a form once, in one transaction with everything that the view writes.

    A redirect, or a response marked as final, is stored and returned if the form is sent again. After any other response, and
    after an exception, the key can be used again. Forms without a key are processed each time.
    """

    @wraps(view)
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST":
            return cast("HttpResponse", view(request, *args, **kwargs))
        if redisplay.is_asked(request):
            return show_again(view, request, *args, **kwargs)
        if _form_owner(request) not in (_ANONYMOUS, str(request.user.pk)):
            return cast("HttpResponse", view(request, *args, **kwargs))
        return _process_once(view, request, *args, **kwargs)

    return cast("View", handle)


def replay(request: HttpRequest) -> HttpResponse | None:
    """The stored response to this form if it was already processed; otherwise None."""
    claim = service.find(_keyed_request(request)) if _form_owner(request) is not None else None
    return _replay_response(request, claim) if claim and claim.is_same else None


def former_answer(request: HttpRequest) -> HttpResponse | None:
    """The response to a form that has ended its sender's session, such as a new password; None for any other form.

    A repeated request does not sign the user in: it is redirected like the first one, and shows nothing else.
    """
    claim = service.find(_keyed_request(request)) if _form_owner(request) else None
    return _replay_response(request, claim) if claim and claim.is_same and _is_redirect(claim.answer) else None


def show_again(view: Callable[..., Any], request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """Show the form as it was filled in, with the reason why it was not saved. Anything that the view writes is rolled back."""
    with transaction.atomic():
        response: HttpResponse = view(request, *args, **kwargs)
        transaction.set_rollback(True)
    if response.status_code == 400:
        response.status_code = 200
    return response


def _process_once(view: Callable[..., Any], request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    interruption: Interruption | None = None
    with transaction.atomic():
        claim = service.claim(_keyed_request(request))
        if claim.is_new:
            try:
                return _process_first(claim, view, request, *args, **kwargs)
            except Interruption as error:
                claim.release()
                interruption = error
    if interruption:
        raise interruption
    if claim.is_same:
        return _replay_response(request, claim)
    if redisplay.is_possible(request):
        redisplay.prepare(request, request.POST, Reason.SENT_BEFORE)
        return show_again(view, request, *args, **kwargs)
    # Another button of the form, on a page reached by the browser's back button.
    return cast("HttpResponse", view(request, *args, **kwargs))


def _process_first(
    claim: Claim, view: Callable[..., Any], request: HttpRequest, *args: Any, **kwargs: Any
) -> HttpResponse:
    before = request.session.session_key
    response: HttpResponse = view(request, *args, **kwargs)
    if is_final(response):
        if request.session.session_key not in (before, None):
            # Sending the form again uses this session as soon as the transaction ends, so it must be complete by then.
            request.session.save()
        claim.settle(_stored_response(request, response, before))
    else:
        claim.release()
    return response


def _form_owner(request: HttpRequest) -> str | None:
    """The ID of the user for whom the form was rendered: `_ANONYMOUS` if not signed in, None without a valid key."""
    return form_keys.user_id_in(request.POST.get(form_keys.FIELD, ""))


def _keyed_request(request: HttpRequest) -> KeyedRequest:
    sent = sorted(
        (name, value) for name, values in request.POST.lists() if name not in redisplay.TOKENS for value in values
    )
    return KeyedRequest(
        user_id=int(owner) if (owner := _form_owner(request)) else None,
        kind=KIND,
        address=request.get_full_path(),
        key=request.POST[form_keys.FIELD],
        body=urlencode(sent).encode(),
    )


def _stored_response(request: HttpRequest, response: Any, session_key_before: str | None) -> Answer:
    if hasattr(response, "render"):
        response.render()
    session_key = request.session.session_key
    return {
        "status": response.status_code,
        "headers": dict(response.headers),
        "content": response.content.decode(),
        # The scripts in the page need its nonce.
        "nonce": getattr(request, "_csp_nonce", None),
        "notices": notices.waiting(request),
        # A new password, or confirming it, changes the session key.
        "session": None if session_key == session_key_before else [session_key],
    }


def _replay_response(request: HttpRequest, claim: Claim) -> HttpResponse:
    answer, is_recent = claim.answer, timezone.now() - claim.row.created_at < SESSION_LIFETIME
    if answer["session"] and is_recent and not request.session.exists(request.session.session_key or ""):
        _adopt_session(request, *answer["session"])
    if answer["nonce"]:
        request._csp_nonce = answer["nonce"]  # type: ignore[attr-defined]
    notices.keep_again(request, answer["notices"])
    if _is_redirect(answer):
        return redirect(answer["headers"]["Location"])
    return HttpResponse(answer["content"], status=answer["status"], headers=answer["headers"])


def _is_redirect(answer: Answer) -> bool:
    return "Location" in answer["headers"]


def _adopt_session(request: HttpRequest, session_key: str | None) -> None:
    """Continue with the session of the first response, which may not have reached the browser."""
    if session_key is None:
        request.session.flush()
        return
    request.session = type(request.session)(session_key)
    request.session.modified = True
