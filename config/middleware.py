"""What every request gets on its way: a name, the origin that the audit trail records, and a page that travels light."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

from csp.constants import HEADER
from csp.middleware import CheckableLazyObject, CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.audit.origin import Channel, Origin, override_origin
from accounts.auth import rate_limits, sessions, undo_stack
from accounts.models import User
from accounts.rls import session
from config.observability import logging
from core.web import compression
from core.web.client_address import remote_address
from core.web.error_pages import answer, too_many_requests
from core.web.routes import is_api

Handler = Callable[[HttpRequest], HttpResponse]


def request_id(get_response: Handler) -> Handler:
    """Names each request: in the answer's header, in errors, in the trail, in the log. A caller's own name is not believed."""

    def handle(request: HttpRequest) -> HttpResponse:
        name = uuid.uuid4().hex
        request.request_id = name  # type: ignore[attr-defined]
        before = logging.request_id.set(name)
        try:
            response = get_response(request)
        finally:
            logging.request_id.reset(before)
        response["X-Request-Id"] = name
        return response

    return handle


POLICIES = {
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(
        f"{feature}=()"
        for feature in (
            "accelerometer",
            "autoplay",
            "camera",
            "display-capture",
            "encrypted-media",
            "fullscreen",
            "geolocation",
            "gyroscope",
            "magnetometer",
            "microphone",
            "midi",
            "payment",
            "picture-in-picture",
            "publickey-credentials-get",
            "screen-wake-lock",
            "serial",
            "usb",
            "xr-spatial-tracking",
        )
    ),
}
"""What a browser is told on every answer besides Django's own: nothing of another site's comes in, nothing of ours goes into one,
and no page asks for the device's sensors or the person's money."""


SCRIPTS_AND_STYLES = ("text/css", "text/javascript")
FOR_DOCUMENTS = (
    "Content-Security-Policy",
    "Cross-Origin-Embedder-Policy",
    "Cross-Origin-Opener-Policy",
    "Permissions-Policy",
    "X-Frame-Options",
)
"""Headers that browsers read of documents alone. On each of the thirty files of a page they would be a quarter of its bytes."""


def policies(get_response: Handler) -> Handler:
    """Tells browsers what no answer of ours may be used for. What says nothing of caches is kept by none: not even a refusal."""

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        for name, value in POLICIES.items():
            response[name] = value
        if response.get("Content-Type", "").partition(";")[0] in SCRIPTS_AND_STYLES:
            for name in FOR_DOCUMENTS:
                del response[name]
        response.setdefault("Cache-Control", "no-store")
        return response

    return handle


class ContentSecurity(CSPMiddleware):
    """django-csp's, but that the policy of whatever asks for nothing of its own is put together once, not for each answer."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        asked = hasattr(request, "_csp_nonce") or any(name.startswith("_csp_") for name in response.__dict__)
        if asked or settings.DEBUG:
            return super().process_response(request, response)
        response.setdefault(HEADER, _plain_policy())
        request.csp_nonce = CheckableLazyObject(self._csp_nonce_post_response)  # type: ignore[attr-defined]
        return response


@cache
def _plain_policy() -> str:
    return build_policy()


def session_end(get_response: Handler) -> Handler:
    """Ends the browser's session when its time is over. What a calendar asks by itself, again and again, keeps nobody in."""

    def handle(request: HttpRequest) -> HttpResponse:
        request.session.may_be_lost = request.method in ("GET", "HEAD", "OPTIONS")  # type: ignore[attr-defined]
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            with suppress(Error):  # a database that is away: whoever asks it next says so, in the words of page or API
                sessions.enforce_lifetime(request.session, active=request.headers.get("X-Part") != "calendar")
        return get_response(request)

    return handle


WITHOUT_PAGE_LIMIT = ("/feeds/", "/accounts/logout/")
"""Addresses with limits of their own; and everybody may always sign out."""


def page_rate_limit(get_response: Handler) -> Handler:
    """Counts the pages of somebody signed in, before anything is asked about them."""

    def handle(request: HttpRequest) -> HttpResponse:
        path = request.path_info
        limited_elsewhere = is_api(path) or path.startswith(WITHOUT_PAGE_LIMIT)
        if limited_elsewhere or settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return get_response(request)
        user_id = request.session.get(SESSION_KEY)
        if user_id and (wait := rate_limits.count_page(user_id)):
            return too_many_requests(request, wait)
        return get_response(request)

    return handle


WITHOUT_FACTOR = ("/accounts/me/factor/", "/accounts/confirm/", "/accounts/logout/", "/accounts/login/", "/language/")
"""Addresses that stay open to a person who must set up two-factor authentication first."""


def second_factor(get_response: Handler) -> Handler:
    """Leads whoever lacks two-factor authentication to the page that sets it up, and lets them reach nothing else until then."""

    def handle(request: HttpRequest) -> HttpResponse:
        if not settings.SECOND_FACTOR_GROUPS or request.path_info.startswith(WITHOUT_FACTOR):
            return get_response(request)
        if not getattr(request.user, "must_set_up_two_factor", False):
            return get_response(request)
        if is_api(request.path_info):
            sentence = _("Your group requires two-factor authentication. Sign in with the browser and set it up.")
            return answer(request, 403, code="second_factor_demanded", sentence=sentence)
        return redirect("two-factor")

    return handle


COMPRESSED = ("application/json", "application/x-ndjson", "application/vnd.oai.openapi", "application/yaml")


def compressed(get_response: Handler) -> Handler:
    """Pages travel compressed: a busy month by a tenth of its bytes. So do answers of the API where no cookie signs in.

    What a cookie opens stays as it is: another site could have a browser ask for it, and learn from its compressed length what
    it holds (BREACH). Pages hide their one secret, the token of their forms, in another text each time.
    """
    gzip = GZipMiddleware(get_response)

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        kind, by_cookie = response.get("Content-Type", ""), settings.SESSION_COOKIE_NAME in request.COOKIES
        if kind.startswith("text/html"):
            gzip.process_response(request, response)
        elif (
            not by_cookie and is_api(request.path_info) and (kind.startswith(COMPRESSED) or response.status_code == 304)
        ):
            compression.compress(request, response)
        return response

    return handle


BODY_TIMED_OUT = "stationbook.body_timed_out"
"""Set in the environ of a request whose body did not arrive in time (`config.rsgi`)."""


def unread_body(get_response: Handler) -> Handler:
    """Refuses a request whose body the server left unread, because it is too large or did not arrive in time."""

    def handle(request: HttpRequest) -> HttpResponse:
        if BODY_TIMED_OUT in request.META:
            return answer(request, 408)
        if _content_length(request) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return answer(request, 413)
        return get_response(request)

    return handle


def _content_length(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else 0


def audit_origin(get_response: Handler) -> Handler:
    """Whatever is written while this request is served is recorded as coming from it.

    Who is known at once for the browser's session; the API's authentication says it for tokens.
    """

    def handle(request: HttpRequest) -> HttpResponse:
        channel = _channel(request.path_info)
        writes = request.method not in ("GET", "HEAD", "OPTIONS")
        actor = request.user if writes and channel != Channel.API and request.user.is_authenticated else None
        origin = Origin(
            channel=channel,
            actor=actor if isinstance(actor, User) else None,
            remote_addr=remote_address(request),
            request_id=request.request_id,  # type: ignore[attr-defined]
        )
        with override_origin(origin):
            return get_response(request)

    return handle


class RowLevelSecurity:
    """Limits the database itself to the user's stations for the length of a request (`accounts.rls.session`)."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with session.rls_session(request):
            response = self.get_response(request)
            if response.streaming:
                response.streaming_content = session.wrap_stream(response.streaming_content)  # type: ignore[attr-defined]
            return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """For requests with a browser session. Views that authenticate in another way call `activate` themselves."""
        if not getattr(view, "authenticates_itself", False):
            session.activate(request.user)


class UndoStack:
    """Lets whoever is signed in with a browser undo what they change, before the view changes anything."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """The API attaches the stack itself, once it knows that the browser's session is what the caller signed in with."""
        if settings.SESSION_COOKIE_NAME in request.COOKIES and not getattr(view, "authenticates_itself", False):
            undo_stack.attach(request)


def _channel(path: str) -> Channel:
    if path.startswith("/admin/"):
        return Channel.ADMIN
    return Channel.API if is_api(path) else Channel.PAGE
