"""Links that set a password, each good once.

For a forgotten password: asked for by anybody, mailed to whoever has the account, good for an hour. By a manager, for a new
person or in place of a password that is lost: mailed, or handed over where no mail can be sent, good for three days.

Asking writes down an email and nothing else, whether anybody has it or not; who it is, a worker finds out later. A link is made
from what a session carries of its person, so that it is over as soon as any of that changes, and with the next log-in.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.audit import origin, recording
from accounts.auth import account_emails, email_queue, sessions
from accounts.auth.links import AccountLink
from accounts.auth.models import EmailKind
from accounts.auth.rate_limits import Rate, hashed, network
from accounts.models import ResetRequest, User

LIFETIME: Final = timedelta(hours=1)
"""Of a request that cannot be mailed."""


FORGOTTEN: Final = AccountLink("accounts.auth.password_reset", timedelta(hours=1))
BY_MANAGER: Final = AccountLink("accounts.auth.password_link", timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT))
LINKS: Final = (BY_MANAGER, FORGOTTEN)


def is_offered() -> bool:
    """Only where mail can be sent, and the product knows its own address: a link is never made from what a request says."""
    return bool(settings.MAIL_SERVER and settings.PUBLIC_URL)


def ask(email: str, *, language: str, address: str | None) -> int:
    """Note that a new password is wanted for an email. Returns how many seconds to wait before asking again, 0 for none.

    Who has asked for one account too often is told nothing of it, and no more mails go there.
    """
    if address and (wait := _too_often(f"address {network(address)}", settings.RESET_ADDRESS_RATE_LIMIT)):
        return wait
    if not _too_often(f"account {User.objects.normalize_email(email)}", settings.RESET_RATE_LIMIT):
        ResetRequest.objects.create(email=email, language=language)
    return 0


def _too_often(whose: str, rate: str) -> int:
    return Rate.parse(rate).count(f"reset:{hashed(f'reset {whose}')}")


def take(now: datetime) -> tuple[ResetRequest, User] | None:
    """The request that is longest due, leased, and whose it is. Those of nobody, and those that are too old, go on the way."""
    return email_queue.take(ResetRequest, now, lifetime=LIFETIME, find=lambda request: _whose(request.email))


def _whose(email: str) -> User | None:
    user = User.objects.filter(email=User.objects.normalize_email(email), is_active=True).first()
    return user if user and user.has_usable_password() else None


def link_of_manager(user: User) -> str | None:
    """A one-time link with which somebody chooses their password, made by a manager; their first one is their invitation.

    It is emailed, and None returned; where no email can be sent, returns its ticket, for the manager to hand over. Sessions go on
    until it is used. Recorded.
    """
    with transaction.atomic():
        recording.record_hidden(user, "password", event="password_link")
        if is_offered():
            account_emails.queue(user, EmailKind.SET_PASSWORD)
            return None
        account_emails.queue(user, EmailKind.PASSWORD_LINK_CREATED)
    return ticket_for(user, BY_MANAGER)


def ticket_for(user: User, link: AccountLink = FORGOTTEN) -> str:
    return f"{user.pk}-{link.make_token(user)}"


def accepted_links() -> tuple[AccountLink, ...]:
    """Which links open the page that sets a password: without a mail server, those that managers hand over alone."""
    return LINKS if is_offered() else (BY_MANAGER,)


def holder(ticket: str, links: Sequence[AccountLink] = LINKS) -> User | None:
    """Whose ticket this is; None for one that is forged, used or over."""
    return _holder(ticket, lambda key: User.objects.filter(pk=key, is_active=True).first(), links)


def give_password(ticket: str, password: str) -> bool:
    """Whether the ticket was still good: then its person has another password, and sessions and tokens of before are over."""
    with transaction.atomic():
        user = _holder(ticket, lambda key: User.objects.select_for_update().filter(pk=key, is_active=True).first())
        if user is None:
            return False
        origin.acts_as(user)
        user.set_password(password)
        sessions.give_password(user)
    return True


def _holder(ticket: str, find: Callable[[int], User | None], links: Sequence[AccountLink] = LINKS) -> User | None:
    key, _dash, token = ticket.partition("-")
    user = find(int(key)) if key.isascii() and key.isdigit() and len(key) < 19 else None
    return user if user and any(link.check_token(user, token) for link in links) else None


def forget_old(now: datetime | None = None) -> None:
    """Requests that no worker came for."""
    ResetRequest.objects.filter(created_at__lte=(now or timezone.now()) - LIFETIME).delete()
