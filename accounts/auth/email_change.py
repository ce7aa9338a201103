"""Changing one's own email: confirmed by a link to the new address where email can be sent, else changed at once."""

from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.auth import account_emails, password_reset
from accounts.auth.links import AccountLink
from accounts.auth.models import EmailChange, EmailKind
from accounts.auth.rate_limits import Rate
from accounts.models import User
from core.errors import Invalid


class TooManyLinks(Exception):
    """Somebody had too many links sent, which go to addresses of their choice; `wait` is in whole seconds."""

    def __init__(self, wait: int) -> None:
        self.wait = wait
        super().__init__(wait)


class _Link(AccountLink):
    """Void as well once another address is wanted; signing in, which may be needed to open it, does not end it."""

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        return f"{user.pk}{timestamp}{user.get_session_auth_hash()}{EmailChange.wanted_by(user)}"


_link: Final = _Link("accounts.auth.email_change", EmailChange.LIFETIME)


def token_for(user: User) -> str:
    return _link.make_token(user)


def change(user: User, email: str) -> bool:
    """Change somebody's email, or send a link to the new address first. Returns whether it was changed at once.

    Raises TooManyLinks, or Invalid for an address that somebody else signs in with. Where a link is sent, nobody learns whether
    the address is somebody else's: they find out who can read its email.
    """
    wanted = User.objects.normalize_email(email)
    if not password_reset.is_offered():
        _store(user, wanted)
        return True
    if wait := Rate.parse(settings.EMAIL_CHANGE_RATE_LIMIT).count(f"email-change:{user.pk}"):
        raise TooManyLinks(wait)
    with transaction.atomic():
        EmailChange.objects.update_or_create(user=user, defaults={"email": wanted, "created_at": timezone.now()})
        account_emails.queue(user, EmailKind.CONFIRM_EMAIL, to=wanted)
    return False


def is_good(user: User, token: str) -> bool:
    """Whether this is the token of the link that waits to be opened by this person."""
    return bool(EmailChange.wanted_by(user)) and _link.check_token(user, token)


def confirm(user: User, token: str) -> bool:
    """Change the email to the one that the link was sent to; False for a link that is forged, used or expired. Recorded.

    Raises Invalid where somebody else signs in with it by now.
    """
    with transaction.atomic():
        # Locked, so that no other address is wanted between the look at the link and the change.
        list(EmailChange.objects.select_for_update().filter(user=user))
        person = User.objects.get(pk=user.pk)
        if not is_good(person, token):
            return False
        _store(person, EmailChange.wanted_by(person))
    return True


def _store(user: User, email: str) -> None:
    """Raises Invalid for an address that somebody else signs in with."""
    old = user.email
    try:
        with transaction.atomic():
            user.email = email
            user.save(update_fields=["email"])
            EmailChange.objects.filter(user=user).delete()
            account_emails.queue(user, EmailKind.EMAIL_CHANGED, to=old)
    except IntegrityError:
        user.email = old
        raise Invalid(_("This email can't be used. Enter another one.")) from None


def forget_old(now: datetime) -> None:
    EmailChange.objects.filter(created_at__lte=now - EmailChange.LIFETIME).delete()
