"""Reauthentication (“sudo mode”): sensitive acts need the password again, unless it was given in the last few minutes."""

import logging
import time
from typing import Final

from django.conf import settings
from django.contrib.auth import SESSION_KEY, authenticate
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from accounts.auth import sessions, two_factor
from accounts.auth.authentication import takes_code
from accounts.auth.rate_limits import login_attempt
from accounts.models import User

log = logging.getLogger(__name__)

CONFIRMED_AT: Final = "password_confirmed_at"
"""In the session: when its person last confirmed their password, in seconds since 1970."""


def is_recent(session: SessionBase) -> bool:
    """Whether the password was given in this session, at sign-in or later, within REAUTHENTICATION_SECONDS."""
    if SESSION_KEY not in session:
        return False
    signed_in_at = sessions.row_of(session).created_at.timestamp()
    given_at = max(signed_in_at, session.get(CONFIRMED_AT) or 0)
    return bool(abs(time.time() - given_at) < settings.REAUTHENTICATION_SECONDS)


def confirm(
    request: HttpRequest, user: User, *, password: str | None = None, code: str | None = None, address: str | None
) -> bool:
    """Check what the person signed in has given: the password, a two-factor code, or both; None was not asked for.

    A code may be a recovery code, and is spent. Failures count as failed sign-ins do: raises `throttling.TooManyFailures`.
    A right password is remembered in the session, under a new session key.
    """
    if password is None and code is None:
        return True
    with login_attempt(user.email, address) as attempt:
        knows = password is None or authenticate(request, username=user.email, password=password) == user
        attempt.succeeded = knows and (code is None or takes_code(user, code, two_factor.look(user.email, code)))
    if not attempt.succeeded:
        log.warning("User %s failed to confirm their password or code from %s.", user.pk, address)
    elif password is not None:
        _remember(request.session)
    return attempt.succeeded


def _remember(session: SessionBase) -> None:
    # A new key: somebody with a stolen copy of the cookie must not become recent along with its owner.
    session.cycle_key()
    session[CONFIRMED_AT] = int(time.time())
