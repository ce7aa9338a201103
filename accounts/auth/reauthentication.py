"""Reauthentication (“sudo mode”): sensitive actions need the password again unless it was entered in the last few minutes."""

import logging
import time
from typing import Final

from django.conf import settings
from django.contrib.auth import SESSION_KEY, authenticate
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from accounts.auth import sessions, two_factor
from accounts.auth.authentication import accepts_code
from accounts.auth.rate_limits import login_attempt
from accounts.models import User

log = logging.getLogger(__name__)

CONFIRMED_AT: Final = "password_confirmed_at"
"""The session's key for when the password was last confirmed, in seconds since 1970."""


def is_recent(session: SessionBase) -> bool:
    """Whether the password was entered in this session, at sign-in or later, within REAUTHENTICATION_SECONDS."""
    if SESSION_KEY not in session:
        return False
    signed_in_at = sessions.row_of(session).created_at.timestamp()
    entered_at = max(signed_in_at, session.get(CONFIRMED_AT) or 0)
    return bool(abs(time.time() - entered_at) < settings.REAUTHENTICATION_SECONDS)


def confirm(
    request: HttpRequest, user: User, *, password: str | None = None, code: str | None = None, address: str | None
) -> bool:
    """Check the password, the two-factor code, or both; None means that it was not asked for.

    A recovery code is accepted, and spent. Failures count as failed sign-ins: raises `rate_limits.TooManyFailures`. A correct
    password is remembered in the session, under a new session key.
    """
    if password is None and code is None:
        return True
    with login_attempt(user.email, address) as attempt:
        is_correct = password is None or authenticate(request, username=user.email, password=password) == user
        attempt.succeeded = is_correct and (
            code is None or accepts_code(user, code, two_factor.verify(user.email, code))
        )
    if not attempt.succeeded:
        log.warning("User %s failed to confirm their password or code from %s.", user.pk, address)
    elif password is not None:
        _remember(request.session)
    return attempt.succeeded


def _remember(session: SessionBase) -> None:
    # A new key, so that a stolen copy of the cookie does not gain sudo mode along with its owner.
    session.cycle_key()
    session[CONFIRMED_AT] = int(time.time())
