"""Emails to people about their own accounts: security notices and links, queued in the transaction of what they tell of.

Without a mail server nothing is queued: the audit log alone says what happened.
"""

import json
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.utils.translation import get_language

from accounts.audit import origin
from accounts.audit.origin import Channel
from accounts.auth import email_queue
from accounts.auth.models import AccountEmail, EmailChange, EmailKind
from accounts.models import User

LIFETIME: Final = timedelta(days=2)
"""Of an email that the mail server does not take."""
LINKS: Final = (EmailKind.SET_PASSWORD, EmailKind.CONFIRM_EMAIL)


def queue(user: User, kind: EmailKind, *, to: str = "", **facts: Any) -> None:
    """Queue an email to somebody about their account. It says who acted and from where, as the audit log has it.

    It goes to their email, or to another: `to`. `facts` is what the kind says besides, as JSON can hold it. A link is made when
    the email is sent.
    """
    if not settings.MAIL_SERVER:
        return
    source = origin.origin()
    by = source.actor if source.actor and source.actor.pk != user.pk else None
    details = {
        "by": str(by or ""),
        "by_command": source.channel == Channel.COMMAND,
        "address": source.remote_addr or "",
        **facts,
    }
    AccountEmail.objects.create(
        user=user,
        kind=kind,
        email=to or user.email,
        language=_language_of(user, is_acting=source.actor is not None and by is None),
        details=json.dumps(details),
    )


def _language_of(user: User, *, is_acting: bool) -> str:
    """The one they are using; where somebody else acts, that of their station."""
    languages = dict(settings.LANGUAGES)
    at_hand = get_language() if is_acting else user.stations.order_by("pk").values_list("language", flat=True).first()
    return at_hand if at_hand in languages else settings.LANGUAGE_CODE


def take(now: datetime) -> AccountEmail | None:
    """The email that is longest due, leased. Links to somebody inactive, or to an address no longer wanted, are deleted."""
    taken = email_queue.take(AccountEmail, now, lifetime=LIFETIME, find=_recipient)
    return taken[0] if taken else None


def _recipient(email: AccountEmail) -> User | None:
    if email.kind in LINKS and not email.user.is_active:
        return None
    if email.kind == EmailKind.CONFIRM_EMAIL and email.email != EmailChange.wanted_by(email.user):
        return None
    return email.user


def forget_old(now: datetime) -> None:
    """Delete what is too old, and everything where there is no mail server any more: nothing waits for ever."""
    waiting = AccountEmail.objects.all()
    if settings.MAIL_SERVER:
        waiting = waiting.filter(created_at__lte=now - LIFETIME)
    waiting.delete()
