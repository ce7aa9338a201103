"""Emails that a wrong clock dated far ahead: once the clock is right again they would wait for months."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from accounts.models import AccountEmail, ResetRequest
from bookings.models import Mail
from bookings.models.mail_state import OPEN

LONGEST_DELAY: Final = timedelta(hours=4)
"""Longer than any email is put off after it first was due: after a failed attempt for three hours at most."""


def bring_forward(now: datetime) -> None:
    """Make emails due that are due later than a right clock would have made them, leases of workers included.

    A worker that has such an email in hand all the same notices before the message leaves that its lease has passed on.
    """
    latest = now + LONGEST_DELAY + timedelta(seconds=settings.MAIL_GRACE_SECONDS)
    queues = (
        Mail.objects.filter(state__in=OPEN),
        ResetRequest._default_manager.all(),
        AccountEmail._default_manager.all(),
    )
    for queue in queues:
        misdated = queue.filter(due_at__gt=latest)
        if misdated.exists():  # an update that finds nothing keeps other writers of SQLite waiting, too
            misdated.update(due_at=now)
