"""Middleware of all requests: their ID, language, limits and audit origin, and the security headers of their responses."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, Final

from csp.constants import HEADER
from csp.exceptions import CSPNonceError
from csp.middleware import CheckableLazyObject, CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import redirect
from django.utils import translation
from django.utils.cache import patch_vary_headers
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

SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")


def request_id(get_response: Handler) -> Handler:
    """Give each request an ID for the response header, errors, audit log and log. A header of the client's is ignored."""

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


UNUSED_FEATURES: Final = (
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
SECURITY_HEADERS: Final = {
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED_FEATURES),
}
"""Headers of every response besides those that Django sets."""

SCRIPTS_AND_STYLES: Final = ("text/css", "text/javascript")
DOCUMENT_HEADERS: Final = (
    "Content-Security-Policy",
    "Cross-Origin-Embedder-Policy",
    "Cross-Origin-Opener-Policy",
    "Permissions-Policy",
    "X-Frame-Options",
)
"""Headers that browsers only read of documents. On the 30 files of a page they would be a quarter of its bytes."""


def security_headers(get_response: Handler) -> Handler:
    """Set the security headers, and forbid caching unless the response says otherwise."""

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        for name, value in SECURITY_HEADERS.items():
            response[name] = value
        if response.get("Content-Type", "").partition(";")[0] in SCRIPTS_AND_STYLES:
            for name in DOCUMENT_HEADERS:
                del response[name]
        response.setdefault("Cache-Control", "no-store")
        return response

    return handle


class ContentSecurityPolicy(CSPMiddleware):
    """django-csp's middleware, with the default policy built once instead of for each response."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_customized = hasattr(request, "_csp_nonce") or any(name.startswith("_csp_") for name in response.__dict__)
        if is_customized or settings.DEBUG:
            return super().process_response(request, response)
        response.setdefault(HEADER, _default_policy())
        request.csp_nonce = CheckableLazyObject(_refuse_late_nonce)  # type: ignore[attr-defined]
        return response


def _refuse_late_nonce() -> str:
    raise CSPNonceError("The response's policy was written without a nonce. Read request.csp_nonce before.")


@cache
def _default_policy() -> str:
    return build_policy()


def has_session_cookie(request: HttpRequest) -> bool:
    return settings.SESSION_COOKIE_NAME in request.COOKIES


def session_expiry(get_response: Handler) -> Handler:
    """End sessions that have expired. The automatic refreshes of a calendar page do not keep a session alive."""

    def handle(request: HttpRequest) -> HttpResponse:
        request.session.may_be_lost = request.method in SAFE_METHODS  # type: ignore[attr-defined]
        if has_session_cookie(request):
            with suppress(
                Error
            ):  # whatever queries the unavailable database next responds in the format of page or API
                sessions.enforce_lifetime(request.session, active=request.headers.get("X-Part") != "calendar")
        return get_response(request)

    return handle


def language(get_response: Handler) -> Handler:
    """Activate the language of the cookie or the browser: Django's LocaleMiddleware for URLs without a language prefix."""

    def handle(request: HttpRequest) -> HttpResponse:
        translation.activate(translation.get_language_from_request(request))
        request.LANGUAGE_CODE = translation.get_language()
        response = get_response(request)
        patch_vary_headers(response, ("Accept-Language",))
        response.setdefault("Content-Language", translation.get_language())
        return response

    return handle


WITHOUT_PAGE_LIMIT: Final = ("/feeds/", "/accounts/logout/")
"""Prefixes of URLs with limits of their own, and of signing out, which is always possible."""


def page_rate_limit(get_response: Handler) -> Handler:
    """Limit how many pages a signed-in user may request, before the user is loaded."""

    def handle(request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if is_api(path) or path.startswith(WITHOUT_PAGE_LIMIT) or not has_session_cookie(request):
            return get_response(request)
        user_id = request.session.get(SESSION_KEY)
        if user_id and (wait := rate_limits.count_page(user_id)):
            return too_many_requests(request, wait)
        return get_response(request)

    return handle


WITHOUT_TWO_FACTOR: Final = (
    "/accounts/me/factor/",
    "/accounts/confirm/",
    "/accounts/logout/",
    "/accounts/login/",
    "/language/",
)
"""Prefixes of URLs for users who must set up two-factor authentication first."""


def require_two_factor(get_response: Handler) -> Handler:
    """Redirect users who need two-factor authentication to its setup page until they have it."""

    def handle(request: HttpRequest) -> HttpResponse:
        if not settings.SECOND_FACTOR_GROUPS or request.path_info.startswith(WITHOUT_TWO_FACTOR):
            return get_response(request)
        if not getattr(request.user, "must_set_up_two_factor", False):
            return get_response(request)
        if is_api(request.path_info):
            sentence = _("Your group requires two-factor authentication. Sign in with the browser and set it up.")
            return answer(request, 403, code="second_factor_demanded", sentence=sentence)
        return redirect("two-factor")

    return handle


COMPRESSIBLE_API_TYPES: Final = (
    "application/json",
    "application/x-ndjson",
    "application/vnd.oai.openapi",
    "application/yaml",
)


def compress(get_response: Handler) -> Handler:
    """Compress pages, and responses of the API to requests without a session cookie."""
    # Another site can make a browser send an API request with its cookie, and learn from the length of the compressed
    # response what it contains (BREACH). Pages mask their only secret, the CSRF token, differently each time.
    gzip = GZipMiddleware(get_response)

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        kind = response.get("Content-Type", "")
        if kind.startswith("text/html"):
            gzip.process_response(request, response)
        elif (
            is_api(request.path_info)
            and not has_session_cookie(request)
            and (kind.startswith(COMPRESSIBLE_API_TYPES) or response.status_code == 304)
        ):
            compression.compress(request, response)
        return response

    return handle


BODY_TIMED_OUT: Final = "stationbook.body_timed_out"
"""Set by `config.rsgi` in the environ of a request whose body did not arrive in time."""


def reject_unread_body(get_response: Handler) -> Handler:
    """Refuse a request whose body the server did not read because it is too large or did not arrive in time."""

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
    """Record channel, address and user of the request with the audit entries that it causes.

    The user is that of the browser session; the API's authentication sets it for tokens and keys.
    """

    def handle(request: HttpRequest) -> HttpResponse:
        channel = _channel(request.path_info)
        writes = request.method not in SAFE_METHODS
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
    """Attaches the undo stack of the browser session to the user, so that the services record what can be undone."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """The API attaches it itself after authentication by the session."""
        if has_session_cookie(request) and not getattr(view, "authenticates_itself", False):
            undo_stack.attach(request)


def _channel(path: str) -> Channel:
    if path.startswith("/admin/"):
        return Channel.ADMIN
    return Channel.API if is_api(path) else Channel.PAGE
