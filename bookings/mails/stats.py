"""The state of the workers and their queue, for metrics and health checks."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Min, Q

from accounts.auth import account_emails, password_reset
from accounts.models import AccountEmail, ResetRequest
from bookings.models import Mail, WorkerBeat
from bookings.models.mail_state import OPEN, Problem, State

ACTIVE_WITHIN: Final = timedelta(minutes=2)
"""A worker whose last heartbeat is older is not running; there is one every 15 seconds."""
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""By how much a worker's clock may be ahead; heartbeats dated later are ignored."""

HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class QueueStats:
    """Emails in the queue, and for how long the oldest has been due or has been waiting for an unavailable mail server."""

    waiting: int
    sending: int
    oldest: timedelta


@dataclass(frozen=True, slots=True)
class WorkerStats:
    active: int
    """Number of workers that are running."""
    since_last_seen: timedelta | None
    """Time since the last heartbeat of any worker; None if there never was one."""
    longest_round: timedelta
    """The longest time that a running worker has spent on its current round."""
    round: str
    """Name of that round; "" if there is none."""


def queue_stats(now: datetime) -> QueueStats:
    counts = Mail.objects.filter(state__in=OPEN).aggregate(
        waiting=Count("pk", filter=Q(state=State.WAITING)),
        sending=Count("pk", filter=Q(state=State.SENDING)),
        # Each attempt that finds no server makes it due again, so the time of its creation counts.
        away=Min("created_at", filter=Q(state=State.WAITING, problem=Problem.AWAY)),
    )
    due = Mail.objects.due(now).order_by().aggregate(first=Min("due_at"))["first"]
    account = [
        emails._default_manager.filter(due_at__lte=now, created_at__gt=now - lifetime).aggregate(first=Min("due_at"))[
            "first"
        ]
        for emails, lifetime in ((ResetRequest, password_reset.LIFETIME), (AccountEmail, account_emails.LIFETIME))
    ]
    since = min((one for one in (counts["away"], due, *account) if one), default=now)
    return QueueStats(counts["waiting"], counts["sending"], max(now - since, timedelta(0)))


def recently_ended(now: datetime) -> dict[str, int]:
    """The number of emails that were settled within the last hour, by state, without those that were never rendered."""
    found = Mail.objects.filter(ended_at__gt=now - HOUR, message__isnull=False)  # uses the index `mail_kept`
    counts = dict(found.order_by().values_list("state").annotate(Count("pk")))
    return {state: counts.get(state, 0) for state in State.values if state not in OPEN}


def worker_stats(now: datetime) -> WorkerStats:
    last, active, seconds, name = None, 0, 0, ""
    for beat in WorkerBeat.objects.filter(seen_at__lte=now + CLOCK_TOLERANCE):
        last = max(last or beat.seen_at, beat.seen_at)
        if beat.seen_at > now - ACTIVE_WITHIN:
            active += 1
            seconds, name = max((seconds, name), (beat.round_seconds, beat.round))
    since_last_seen = max(now - last, timedelta(0)) if last else None
    return WorkerStats(active, since_last_seen, timedelta(seconds=seconds), name)
