"""Sends emails about users' own accounts: password reset links first, then security notices and other links.

Their text is rendered when they are sent, and never stored.
"""

import json
import logging
from collections.abc import Callable
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Final, NamedTuple

from django.conf import settings
from django.utils import timezone

from accounts.auth import account_email_text, account_emails, email_queue, password_reset
from accounts.auth.account_email_text import EmailText
from accounts.auth.models import AccountEmail, EmailKind, QueuedEmail
from bookings.mails import delivery_log
from bookings.mails.delivery_log import FORGOTTEN_PASSWORD
from bookings.privacy import retention_notices
from core.mail.addresses import WIRE_POLICY, ascii_address
from core.mail.smtp import Envelope, Outcome, SmtpTransport

log = logging.getLogger(__name__)

RETRIED: Final = (Outcome.DEFERRED, Outcome.UNAVAILABLE)


class LeasedEmail(NamedTuple):
    """An email under lease, with its text and recipient."""

    email: QueuedEmail
    text: EmailText
    recipient: str
    kind: str
    user_id: int


def deliver_next(transport: SmtpTransport, *, now: Callable[[], datetime] = timezone.now) -> Outcome | None:
    """Send the email that has been due longest; return None if none is due."""
    leased = _lease_password_reset(now()) or _lease_account_email(now())
    if leased is None:
        return None
    try:
        envelope = _envelope(leased, now())
    except ValueError:
        log.error(
            "An account email could not be rendered: the address of %s cannot be used in a header.", leased.email.pk
        )
        delivery_log.record_account_email(leased.kind, delivery_log.UNWRITTEN, user=leased.user_id)
        leased.email.delete()
        return Outcome.REFUSED
    outcome = transport.send(envelope)
    if outcome is Outcome.SENT:
        _record_sent(leased.email, now())
    delivery_log.record_account_email(leased.kind, outcome.value, user=leased.user_id, reply=transport.reply)
    if outcome in RETRIED:
        email_queue.postpone(leased.email, now())
    else:
        leased.email.delete()
    return outcome


def _record_sent(email: QueuedEmail, now: datetime) -> None:
    if isinstance(email, AccountEmail) and email.kind == EmailKind.RETENTION_NOTICE:
        retention_notices.mark_sent(json.loads(email.details)["station_id"], now)


def _lease_password_reset(now: datetime) -> LeasedEmail | None:
    found = password_reset.lease_next(now)
    if found is None:
        return None
    request, user = found
    return LeasedEmail(
        request,
        account_email_text.render_password_reset(user, request.language),
        user.email,
        FORGOTTEN_PASSWORD,
        user.pk,
    )


def _lease_account_email(now: datetime) -> LeasedEmail | None:
    email = account_emails.lease_next(now)
    return (
        LeasedEmail(email, account_email_text.render(email), email.email, email.kind, email.user_id) if email else None
    )


def _envelope(leased: LeasedEmail, now: datetime) -> Envelope:
    """Raises ValueError for an address that cannot be used in a header."""
    sender, recipient = ascii_address(settings.MAIL_FROM), ascii_address(leased.recipient)
    message = EmailMessage(policy=WIRE_POLICY)
    message["Subject"] = leased.text.subject
    message["From"] = Address(display_name="Stationbook", addr_spec=sender)
    message["To"] = Address(addr_spec=recipient)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(leased.text.body)
    message["Content-Language"] = leased.email.language
    return Envelope(message.as_bytes(), sender, recipient)
