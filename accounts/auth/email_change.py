"""Changing the email of one's own account: at once, or after confirmation by a link where email can be sent."""

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
    """The user requested too many confirmation links; `wait` is in whole seconds."""

    def __init__(self, wait: int) -> None:
        self.wait = wait
        super().__init__(wait)


class _Link(AccountLink):
    """Also void once another address is requested. It survives a sign-in, which may be needed to open it."""

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        return f"{user.pk}{timestamp}{user.get_session_auth_hash()}{EmailChange.pending_for(user)}"


_link: Final = _Link("accounts.auth.email_change", EmailChange.LIFETIME)


def make_token(user: User) -> str:
    return _link.make_token(user)


def change(user: User, email: str) -> bool:
    """Change the user's email, or send a confirmation link to the new address. Returns whether it was changed at once.

    Raises TooManyLinks, or Invalid for an address that another account uses. Where a link is sent, an address in use is not
    revealed here: only someone who can read its email finds out.
    """
    new_email = User.objects.normalize_email(email)
    if not password_reset.is_available():
        _store(user, new_email)
        return True
    if wait := Rate.parse(settings.EMAIL_CHANGE_RATE_LIMIT).count(f"email-change:{user.pk}"):
        raise TooManyLinks(wait)
    with transaction.atomic():
        EmailChange.objects.update_or_create(user=user, defaults={"email": new_email, "created_at": timezone.now()})
        account_emails.queue(user, EmailKind.CONFIRM_EMAIL, to=new_email)
    return False


def is_valid_token(user: User, token: str) -> bool:
    """Whether this is the token of the user's pending confirmation link."""
    return bool(EmailChange.pending_for(user)) and _link.check_token(user, token)


def confirm(user: User, token: str) -> bool:
    """Change the email to the one that the link was sent to; False for a link that is forged, used or expired. Recorded.

    Raises Invalid if another account uses the address by now.
    """
    with transaction.atomic():
        # Locked, so that no other address is requested between the check of the link and the change.
        list(EmailChange.objects.select_for_update().filter(user=user))
        current = User.objects.get(pk=user.pk)
        if not is_valid_token(current, token):
            return False
        _store(current, EmailChange.pending_for(current))
    return True


def _store(user: User, email: str) -> None:
    """Raises Invalid for an address that another account uses."""
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


def delete_expired(now: datetime) -> None:
    EmailChange.objects.filter(created_at__lte=now - EmailChange.LIFETIME).delete()
