"""Emails to users about their own accounts: security notices and links.

An email is queued in the transaction of the change that it is about. Without a mail server nothing is queued, and the audit log
is the only record.
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
"""How long delivery of an email is attempted."""
LINK_KINDS: Final = (EmailKind.SET_PASSWORD, EmailKind.CONFIRM_EMAIL)


def queue(user: User, kind: EmailKind, *, to: str = "", **extra: Any) -> None:
    """Queue an email to a user about their account, with who acted and from where, as in the audit log.

    It goes to their current email unless `to` names another address. `extra` are further values for the text, which must be
    serializable as JSON. Links are created only when the email is sent.
    """
    if not settings.MAIL_SERVER:
        return
    source = origin.current_origin()
    by = source.actor if source.actor and source.actor.pk != user.pk else None
    details = {
        "by": str(by or ""),
        "by_command": source.channel == Channel.COMMAND,
        "address": source.remote_addr or "",
        **extra,
    }
    AccountEmail.objects.create(
        user=user,
        kind=kind,
        email=to or user.email,
        language=_language_of(user, is_acting=source.actor is not None and by is None),
        details=json.dumps(details),
    )


def _language_of(user: User, *, is_acting: bool) -> str:
    """The language in use if the user acts themselves, otherwise that of their first station."""
    languages = dict(settings.LANGUAGES)
    language = get_language() if is_acting else user.stations.order_by("pk").values_list("language", flat=True).first()
    return language if language in languages else settings.LANGUAGE_CODE


def lease_next(now: datetime) -> AccountEmail | None:
    """Lease the email that has been due longest. Deletes links for inactive users and outdated addresses on the way."""
    leased = email_queue.lease_next(AccountEmail, now, lifetime=LIFETIME, find_recipient=_recipient)
    return leased[0] if leased else None


def _recipient(email: AccountEmail) -> User | None:
    if email.kind in LINK_KINDS and not email.user.is_active:
        return None
    if email.kind == EmailKind.CONFIRM_EMAIL and email.email != EmailChange.pending_for(email.user):
        return None
    return email.user


def delete_expired(now: datetime) -> None:
    """Delete emails that are too old, and all of them if no mail server is configured."""
    expired = AccountEmail.objects.all()
    if settings.MAIL_SERVER:
        expired = expired.filter(created_at__lte=now - LIFETIME)
    expired.delete()
