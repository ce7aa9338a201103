"""Repairs queued emails whose due date was set far in the future by a wrong clock."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from accounts.models import AccountEmail, ResetRequest
from bookings.models import Mail
from bookings.models.mail_state import OPEN

LONGEST_DELAY: Final = timedelta(hours=4)
"""Longer than any legitimate delay: the longest wait between two attempts is three hours."""


def bring_forward(now: datetime) -> None:
    """Make emails due now whose due date, or a worker's lease on them, is further ahead than a correct clock allows.

    A worker that is still sending such an email checks its lease before the message leaves, and stops.
    """
    latest = now + LONGEST_DELAY + timedelta(seconds=settings.MAIL_GRACE_SECONDS)
    queues = (
        Mail.objects.filter(state__in=OPEN),
        ResetRequest._default_manager.all(),
        AccountEmail._default_manager.all(),
    )
    for queue in queues:
        misdated = queue.filter(due_at__gt=latest)
        if misdated.exists():  # on SQLite even an UPDATE that matches no rows takes the write lock
            misdated.update(due_at=now)
