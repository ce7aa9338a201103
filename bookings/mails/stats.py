"""How the worker and its queue are, for whoever watches them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Min, Q

from accounts.auth import account_emails, password_reset
from accounts.models import AccountEmail, ResetRequest
from bookings.models import Mail, WorkerBeat
from bookings.models.mail_state import OPEN, Problem, State

AT_WORK: Final = timedelta(minutes=2)
"""A worker beats every 15 seconds."""
AHEAD: Final = timedelta(minutes=5)
"""By which the clock of a worker may be ahead. What is dated later, by a clock that was wrong, says nothing."""

HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Queue:
    """Mails on their way, and for how long the oldest has been due, or has met a mail server that is away."""

    waiting: int
    sending: int
    oldest: timedelta


@dataclass(frozen=True, slots=True)
class Workers:
    """How many were seen of late, and how long ago the last one was; None where none ever was."""

    at_work: int
    unseen: timedelta | None
    longest_round: timedelta
    """For how long one of those seen of late has been at the same round."""
    round: str
    """That round's name; "" where none is at any."""


def queue(now: datetime) -> Queue:
    counts = Mail.objects.filter(state__in=OPEN).aggregate(
        waiting=Count("pk", filter=Q(state=State.WAITING)),
        sending=Count("pk", filter=Q(state=State.SENDING)),
        # It is due anew after each attempt that meets nobody: since when it should have gone is when it was made.
        away=Min("created_at", filter=Q(state=State.WAITING, problem=Problem.AWAY)),
    )
    due = Mail.objects.due(now).order_by().aggregate(first=Min("due_at"))["first"]
    account = [
        emails._default_manager.filter(due_at__lte=now, created_at__gt=now - lifetime).aggregate(first=Min("due_at"))[
            "first"
        ]
        for emails, lifetime in ((ResetRequest, password_reset.LIFETIME), (AccountEmail, account_emails.LIFETIME))
    ]
    since = min((moment for moment in (counts["away"], due, *account) if moment), default=now)
    return Queue(counts["waiting"], counts["sending"], max(now - since, timedelta(0)))


def ended(now: datetime) -> dict[str, int]:
    """Mails that were written and ended within the last hour, by their state. Their text is kept for longer than that."""
    found = Mail.objects.filter(ended_at__gt=now - HOUR, message__isnull=False)  # as their index has them
    counts = dict(found.order_by().values_list("state").annotate(Count("pk")))
    return {state: counts.get(state, 0) for state in State.values if state not in OPEN}


def workers(now: datetime) -> Workers:
    last, at_work, seconds, name = None, 0, 0, ""
    for beat in WorkerBeat.objects.filter(seen_at__lte=now + AHEAD):
        last = max(last or beat.seen_at, beat.seen_at)
        if beat.seen_at > now - AT_WORK:
            at_work += 1
            seconds, name = max((seconds, name), (beat.round_seconds, beat.round))
    unseen = max(now - last, timedelta(0)) if last else None
    return Workers(at_work, unseen, timedelta(seconds=seconds), name)
