"""The queue of account emails: which is due, leased to one worker at a time, tried again, and given up."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from django.db import connection, transaction
from django.db.models import QuerySet

from accounts.auth.models import QueuedEmail

LEASE: Final = timedelta(minutes=3)
FIRST_PAUSE: Final = timedelta(seconds=15)
LONGEST_PAUSE: Final = timedelta(minutes=16)

Queued = TypeVar("Queued", bound=QueuedEmail)
Found = TypeVar("Found")


def take(
    queue: type[Queued], now: datetime, *, lifetime: timedelta, find: Callable[[Queued], Found | None]
) -> tuple[Queued, Found] | None:
    """Lease the email that is longest due, with what `find` finds for it. Those for which it finds nothing are deleted on the
    way; those older than `lifetime` are left to the worker's round that expires them.
    """
    due = queue._default_manager.filter(due_at__lte=now, created_at__gt=now - lifetime)
    while due.exists():
        with transaction.atomic():
            email = _longest_due(due)
            if email is None:
                return None
            found = find(email)
            if found is not None:
                email.due_at = now + LEASE
                email.save(update_fields=["due_at"])
                return email, found
            email.delete()
    return None


def _longest_due(due: QuerySet[Queued]) -> Queued | None:
    skips = connection.features.has_select_for_update_skip_locked
    return due.select_for_update(skip_locked=skips).order_by("due_at", "pk").first()


def postpone(email: QueuedEmail, now: datetime) -> None:
    """The mail server had no time: try again, at growing distances."""
    email.attempts += 1
    email.due_at = now + min(FIRST_PAUSE * 2 ** min(email.attempts, 10), LONGEST_PAUSE)
    email.save(update_fields=["attempts", "due_at"])
