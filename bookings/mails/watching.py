"""How the worker and its queue are, for whoever watches them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Max, Min, Q

from accounts.models import AccountEmail, ResetRequest
from bookings.mails.kinds import OPEN, Problem, State
from bookings.models import Mail, WorkerBeat

AT_WORK: Final = timedelta(minutes=2)
"""A worker beats every 15 seconds, but not while it has a mail in hand."""

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


def queue(now: datetime) -> Queue:
    counts = Mail.objects.filter(state__in=OPEN).aggregate(
        waiting=Count("pk", filter=Q(state=State.WAITING)),
        sending=Count("pk", filter=Q(state=State.SENDING)),
        # It is due anew after each attempt that meets nobody: since when it should have gone is when it was made.
        away=Min("created_at", filter=Q(state=State.WAITING, problem=Problem.AWAY)),
    )
    due = Mail.objects.due(now).order_by().aggregate(first=Min("due_at"))["first"]
    account = [
        emails._default_manager.filter(due_at__lte=now).aggregate(first=Min("due_at"))["first"]
        for emails in (ResetRequest, AccountEmail)
    ]
    since = min((moment for moment in (counts["away"], due, *account) if moment), default=now)
    return Queue(counts["waiting"], counts["sending"], max(now - since, timedelta(0)))


def ended(now: datetime) -> dict[str, int]:
    """Mails that were written and ended within the last hour, by their state. Their text is kept for longer than that."""
    found = Mail.objects.filter(ended_at__gt=now - HOUR, message__isnull=False)  # as their index has them
    counts = dict(found.order_by().values_list("state").annotate(Count("pk")))
    return {state: counts.get(state, 0) for state in State.values if state not in OPEN}


def workers(now: datetime) -> Workers:
    found = WorkerBeat.objects.aggregate(
        at_work=Count("pk", filter=Q(seen_at__gt=now - AT_WORK)),
        last=Max("seen_at"),
    )
    return Workers(found["at_work"], max(now - found["last"], timedelta(0)) if found["last"] else None)
