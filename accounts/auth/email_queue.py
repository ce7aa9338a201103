"""The queue of account emails: each due email is leased to one worker at a time, retried, and given up after a while."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from django.db import connection, transaction
from django.db.models import QuerySet

from accounts.auth.models import QueuedEmail

LEASE: Final = timedelta(minutes=3)
FIRST_DELAY: Final = timedelta(seconds=15)
MAX_DELAY: Final = timedelta(minutes=16)

Queued = TypeVar("Queued", bound=QueuedEmail)
Recipient = TypeVar("Recipient")


def lease_next(
    queue: type[Queued], now: datetime, *, lifetime: timedelta, find_recipient: Callable[[Queued], Recipient | None]
) -> tuple[Queued, Recipient] | None:
    """Lease the email that has been due longest, and return it with what `find_recipient` returns for it.

    Emails without a recipient are deleted on the way; those older than `lifetime` are left to the worker's clean-up.
    """
    due = queue._default_manager.filter(due_at__lte=now, created_at__gt=now - lifetime)
    while due.exists():
        with transaction.atomic():
            email = _longest_due(due)
            if email is None:
                return None
            recipient = find_recipient(email)
            if recipient is not None:
                email.due_at = now + LEASE
                email.save(update_fields=["due_at"])
                return email, recipient
            email.delete()
    return None


def _longest_due(due: QuerySet[Queued]) -> Queued | None:
    skips = connection.features.has_select_for_update_skip_locked
    return due.select_for_update(skip_locked=skips).order_by("due_at", "pk").first()


def postpone(email: QueuedEmail, now: datetime) -> None:
    """Try again later, with growing delays: the mail server did not accept the email."""
    email.attempts += 1
    email.due_at = now + min(FIRST_DELAY * 2 ** min(email.attempts, 10), MAX_DELAY)
    email.save(update_fields=["attempts", "due_at"])
