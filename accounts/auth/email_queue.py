"""The queue of account emails: which is due, leased to one worker at a time, tried again, and given up."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from django.db import connection, transaction

from accounts.auth.models import QueuedEmail

LEASE: Final = timedelta(minutes=3)
FIRST_PAUSE: Final = timedelta(seconds=15)
LONGEST_PAUSE: Final = timedelta(minutes=16)

Queued = TypeVar("Queued", bound=QueuedEmail)
Found = TypeVar("Found")


def take(
    queue: type[Queued], now: datetime, *, lifetime: timedelta, find: Callable[[Queued], Found | None]
) -> tuple[Queued, Found] | None:
    """Lease the email that is longest due, with what `find` finds for it. Those for which it finds nothing, and those older
    than `lifetime`, are deleted on the way.
    """
    while queue._default_manager.filter(due_at__lte=now).exists():
        with transaction.atomic():
            email = _longest_due(queue, now)
            if email is None:
                return None
            found = find(email)
            if found is not None and email.created_at > now - lifetime:
                email.due_at = now + LEASE
                email.save(update_fields=["due_at"])
                return email, found
            email.delete()
    return None


def _longest_due(queue: type[Queued], now: datetime) -> Queued | None:
    skips = connection.features.has_select_for_update_skip_locked
    due = queue._default_manager.select_for_update(skip_locked=skips).filter(due_at__lte=now)
    return due.order_by("due_at", "pk").first()


def postpone(email: QueuedEmail, now: datetime) -> None:
    """The mail server had no time: try again, at growing distances."""
    email.attempts += 1
    email.due_at = now + min(FIRST_PAUSE * 2 ** min(email.attempts, 10), LONGEST_PAUSE)
    email.save(update_fields=["attempts", "due_at"])
