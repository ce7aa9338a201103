"""Account emails on their way to the mail server: links for a forgotten password first, then security notices and other links.

Each is written when it goes, and kept nowhere.
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
from bookings.mails.rendering import WIRE, ascii_address
from bookings.privacy import retention_notices
from core.mail.smtp import Envelope, Outcome, SmtpTransport

log = logging.getLogger(__name__)

AGAIN: Final = (Outcome.DEFERRED, Outcome.UNAVAILABLE)


class Taken(NamedTuple):
    """An email under lease, with its text and the address that it goes to."""

    email: QueuedEmail
    text: EmailText
    recipient: str
    kind: str
    user_id: int


def deliver_next(transport: SmtpTransport, *, now: Callable[[], datetime] = timezone.now) -> Outcome | None:
    """Send the one that is longest due; None where none is."""
    taken = _reset(now()) or _account_email(now())
    if taken is None:
        return None
    try:
        envelope = _letter(taken, now())
    except ValueError:
        log.error("An account email cannot be written: %s has an address that no header can hold.", taken.email.pk)
        delivery_log.record_account_email(taken.kind, delivery_log.UNWRITTEN, user=taken.user_id)
        taken.email.delete()
        return Outcome.REFUSED
    outcome = transport.send(envelope)
    if outcome is Outcome.SENT:
        _note_sent(taken.email, now())
    delivery_log.record_account_email(taken.kind, outcome.value, user=taken.user_id, reply=transport.reply)
    if outcome in AGAIN:
        email_queue.postpone(taken.email, now())
    else:
        taken.email.delete()
    return outcome


def _note_sent(email: QueuedEmail, now: datetime) -> None:
    if isinstance(email, AccountEmail) and email.kind == EmailKind.RETENTION_NOTICE:
        retention_notices.mark_sent(json.loads(email.details)["station_id"], now)


def _reset(now: datetime) -> Taken | None:
    found = password_reset.lease_next(now)
    if found is None:
        return None
    request, user = found
    return Taken(
        request,
        account_email_text.render_password_reset(user, request.language),
        user.email,
        FORGOTTEN_PASSWORD,
        user.pk,
    )


def _account_email(now: datetime) -> Taken | None:
    email = account_emails.lease_next(now)
    return Taken(email, account_email_text.render(email), email.email, email.kind, email.user_id) if email else None


def _letter(taken: Taken, now: datetime) -> Envelope:
    """Raises ValueError for an address that no header can hold."""
    sender, recipient = ascii_address(settings.MAIL_FROM), ascii_address(taken.recipient)
    made = EmailMessage(policy=WIRE)
    made["Subject"] = taken.text.subject
    made["From"] = Address(display_name="Stationbook", addr_spec=sender)
    made["To"] = Address(addr_spec=recipient)
    made["Date"] = format_datetime(now)
    made["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(taken.text.body)
    made["Content-Language"] = taken.email.language
    return Envelope(made.as_bytes(), sender, recipient)
