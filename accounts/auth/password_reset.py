"""Password reset: links by email or from a manager, with which users set their own password.

A link works once, for a limited time, and only until the user signs in or anything changes that their sessions depend on.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.audit import origin, recorder
from accounts.auth import account_emails, email_queue, sessions
from accounts.auth.links import AccountLink
from accounts.auth.models import EmailKind
from accounts.auth.rate_limits import Rate, hash_key, network
from accounts.models import ResetRequest, User

LIFETIME: Final = timedelta(hours=1)
"""How long delivery of the email is attempted."""

RESET_LINK: Final = AccountLink("accounts.auth.password_reset", timedelta(hours=1))
MANAGER_LINK: Final = AccountLink("accounts.auth.password_link", timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT))
LINKS: Final = (MANAGER_LINK, RESET_LINK)


def is_available() -> bool:
    """Whether email can be sent and PUBLIC_URL is set: links are never built from the Host header of a request."""
    return bool(settings.MAIL_SERVER and settings.PUBLIC_URL)


def request_reset(email: str, *, language: str, address: str | None) -> int:
    """Queue an email with a reset link if the address belongs to an account. Returns seconds to wait before the next try, or 0.

    Past the limit of an account no email is queued, and the caller is not told.
    """
    if address and (wait := _too_often(f"address {network(address)}", settings.RESET_ADDRESS_RATE_LIMIT)):
        return wait
    if not _too_often(f"account {User.objects.normalize_email(email)}", settings.RESET_RATE_LIMIT):
        ResetRequest.objects.create(email=email, language=language)
    return 0


def _too_often(counted: str, rate: str) -> int:
    return Rate.parse(rate).count(f"reset:{hash_key(f'reset {counted}')}")


def lease_next(now: datetime) -> tuple[ResetRequest, User] | None:
    """Lease the request that has been due longest, with its user. Deletes requests without a user on the way."""
    return email_queue.lease_next(
        ResetRequest, now, lifetime=LIFETIME, find_recipient=lambda request: _user_for(request.email)
    )


def _user_for(email: str) -> User | None:
    user = User.objects.filter(email=User.objects.normalize_email(email), is_active=True).first()
    return user if user and user.has_usable_password() else None


def create_manager_link(user: User) -> str | None:
    """Create a one-time link, by a manager, with which a user sets their password. A new user's first link is their invitation.

    Email it and return None; where no email can be sent, return its token for the manager to hand over. Sessions continue until
    the link is used. Recorded in the audit log.
    """
    with transaction.atomic():
        recorder.record_redacted(user, "password", event="password_link")
        if is_available():
            account_emails.queue(user, EmailKind.SET_PASSWORD)
            return None
        account_emails.queue(user, EmailKind.PASSWORD_LINK_CREATED)
    return make_token(user, MANAGER_LINK)


def make_token(user: User, link: AccountLink = RESET_LINK) -> str:
    return f"{user.pk}-{link.make_token(user)}"


def accepted_links() -> tuple[AccountLink, ...]:
    """The kinds of links that can be used now: without a mail server, only those from managers."""
    return LINKS if is_available() else (MANAGER_LINK,)


def user_for_token(token: str, links: Sequence[AccountLink] = LINKS) -> User | None:
    """The user of a token; None if it is forged, used or expired."""
    return _user_for_token(token, lambda pk: User.objects.filter(pk=pk, is_active=True).first(), links)


def set_password(token: str, password: str) -> bool:
    """Set the password of the token's user, which ends their sessions and tokens. Returns False for an invalid token."""
    with transaction.atomic():
        user = _user_for_token(token, lambda pk: User.objects.select_for_update().filter(pk=pk, is_active=True).first())
        if user is None:
            return False
        origin.set_actor(user)
        user.set_password(password)
        sessions.save_password(user)
    return True


def _user_for_token(
    token: str, find: Callable[[int], User | None], links: Sequence[AccountLink] = LINKS
) -> User | None:
    pk, _dash, link_token = token.partition("-")
    user = find(int(pk)) if pk.isascii() and pk.isdigit() and len(pk) < 19 else None
    return user if user and any(link.check_token(user, link_token) for link in links) else None


def delete_expired(now: datetime | None = None) -> None:
    """Delete requests that no worker has handled in time."""
    ResetRequest.objects.filter(created_at__lte=(now or timezone.now()) - LIFETIME).delete()
