"""A forgotten password: asked for by anybody, mailed to whoever has the account, good once and for an hour.

Asking writes down an e-mail and nothing else, whether anybody has it or not; who it is, a worker finds out later
(`bookings.mails.resets`). What is mailed is made from what a session carries of its person, so that it is over as soon as any of
that changes, and with the next log-in.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import connection, transaction
from django.utils import timezone

from accounts import audit, sessions
from accounts.models import ResetRequest, User
from accounts.throttling import Rate, hashed, network

LIFETIME: Final = timedelta(hours=1)
"""Of a request that cannot be mailed. What was mailed lasts for PASSWORD_RESET_TIMEOUT."""
LEASE: Final = timedelta(minutes=3)


class _Tickets(PasswordResetTokenGenerator):
    key_salt = "accounts.resetting"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{user.get_session_auth_hash()}"


_tickets: Final = _Tickets()


def is_offered() -> bool:
    """Only where mail can be sent, and the product knows its own address: a link is never made from what a request says."""
    return bool(settings.MAIL_SERVER and settings.PUBLIC_URL)


def ask(email: str, *, language: str, address: str | None) -> int:
    """Note that a new password is wanted for an e-mail. Returns how many seconds to wait before asking again, 0 for none.

    Who has asked for one account too often is told nothing of it, and no more mails go there.
    """
    if address and (wait := _too_often(f"address {network(address)}", settings.RESET_ADDRESS_RATE_LIMIT)):
        return wait
    if not _too_often(f"account {email.strip().lower()}", settings.RESET_RATE_LIMIT):
        ResetRequest.objects.create(email=email, language=language)
    return 0


def _too_often(whose: str, rate: str) -> int:
    return Rate.parse(rate).count(f"reset:{hashed(f'reset {whose}')}")


def take(now: datetime) -> tuple[ResetRequest, User] | None:
    """The request that is longest due, leased, and whose it is. Those of nobody, and those that are too old, go on the way."""
    while ResetRequest.objects.filter(due_at__lte=now).exists():
        with transaction.atomic():
            skips = connection.features.has_select_for_update_skip_locked
            due = ResetRequest.objects.select_for_update(skip_locked=skips).filter(due_at__lte=now)
            request = due.order_by("due_at", "pk").first()
            if request is None:
                return None
            user = _whose(request.email)
            if user and request.created_at > now - LIFETIME:
                request.due_at = now + LEASE
                request.save(update_fields=["due_at"])
                return request, user
            request.delete()
    return None


def _whose(email: str) -> User | None:
    user = User.objects.filter(email=User.objects.normalize_email(email), is_active=True).first()
    return user if user and user.has_usable_password() else None


def ticket_for(user: User) -> str:
    return f"{user.pk}-{_tickets.make_token(user)}"


def holder(ticket: str) -> User | None:
    """Whose ticket this is; None for one that is forged, used or over."""
    return _holder(ticket, lambda key: User.objects.filter(pk=key, is_active=True).first())


def give_password(ticket: str, password: str) -> bool:
    """Whether the ticket was still good: then its person has another password, and sessions and tokens of before are over."""
    with transaction.atomic():
        user = _holder(ticket, lambda key: User.objects.select_for_update().filter(pk=key, is_active=True).first())
        if user is None:
            return False
        audit.acts_as(user)
        user.set_password(password)
        sessions.give_password(user)
    return True


def _holder(ticket: str, find: Callable[[int], User | None]) -> User | None:
    key, _dash, token = ticket.partition("-")
    user = find(int(key)) if key.isascii() and key.isdigit() and len(key) < 19 else None
    return user if user and _tickets.check_token(user, token) else None


def later(request: ResetRequest, now: datetime) -> None:
    """The mail server had no time: try again, at growing distances."""
    request.attempts += 1
    request.due_at = now + timedelta(seconds=15 * 2 ** min(request.attempts, 6))
    request.save(update_fields=["attempts", "due_at"])


def settled(request: ResetRequest) -> None:
    """Nothing of it is kept."""
    request.delete()


def forget_old(now: datetime | None = None) -> None:
    """Requests that no worker came for."""
    ResetRequest.objects.filter(created_at__lte=(now or timezone.now()) - LIFETIME).delete()
