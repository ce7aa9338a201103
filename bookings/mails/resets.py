"""The mail with which somebody chooses a new password. It is written when it goes, and kept nowhere."""

import logging
from collections.abc import Callable
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Final

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts import resetting
from accounts.models import User
from bookings.mails.composing import WIRE, ascii_address
from bookings.mails.courier import Courier, Letter, Outcome
from stations import meters

log = logging.getLogger(__name__)

AGAIN: Final = (Outcome.LATER, Outcome.AWAY)


def deliver_next(courier: Courier, *, now: Callable[[], datetime] = timezone.now) -> Outcome | None:
    """Send the one that is longest due; None where none is."""
    taken = resetting.take(now())
    if taken is None:
        return None
    request, user = taken
    try:
        letter = _letter(user, request.language, now())
    except ValueError:
        log.error("A mail for a new password cannot be written: %s has no address that a mail can bear.", user.pk)
        resetting.settled(request)
        return Outcome.REFUSED
    outcome = courier.hand_over(letter)
    meters.MAILS.labels(outcome.name.lower()).inc()
    if outcome in AGAIN:
        resetting.later(request, now())
    else:
        resetting.settled(request)
    return outcome


def _letter(user: User, language: str, now: datetime) -> Letter:
    """Raises ValueError for an address that no header can hold."""
    sender, recipient = ascii_address(settings.MAIL_FROM), ascii_address(user.email)
    link = settings.PUBLIC_URL + reverse("new-password", args=[resetting.ticket_for(user)])
    made = EmailMessage(policy=WIRE)
    with translation.override(language):
        made["Subject"] = _("Your new password for Stationbook")
        text = render_to_string("mails/reset.txt", {"user": user, "link": link}).lstrip()
    made["From"] = Address(display_name="Stationbook", addr_spec=sender)
    made["To"] = Address(addr_spec=recipient)
    made["Date"] = format_datetime(now)
    made["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(text)
    made["Content-Language"] = language
    return Letter(made.as_bytes(), sender, recipient)
