"""Checks this machine's clock against the database's clock and against the latest time that workers have recorded.

While the clock is in doubt, no data is erased or expired: rows kept too long can be deleted later, but deleted rows cannot
be brought back. Only a clock that is ahead does harm, so setting it back raises no doubt.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from accounts.models import AuditEntry
from bookings.models import ClockReading, WorkerBeat

log = logging.getLogger(__name__)

TOLERANCE: Final = timedelta(minutes=5)
"""How far the clocks of two machines may differ."""
LONGEST_STEP: Final = timedelta(hours=1)
"""How far a clock may be set forward while a worker runs, for example if it had been set to local time."""
LONGEST_PAUSE: Final = timedelta(days=7)
"""How long all workers may have been stopped. After a longer gap, the clock is assumed to have jumped."""
TRUSTED_AFTER: Final = timedelta(days=3)
"""How long a clock in doubt must run steadily under one worker before it is trusted again without confirmation."""


def doubt() -> str:
    """The reason not to trust this process's clock, as a sentence that says what to do; "" if it is trusted."""
    if reason := doubt_by_database():
        return reason
    reading = ClockReading.objects.exclude(in_doubt_since=None).first()
    if reading and reading.in_doubt_since:
        return (
            f"The clock leapt from {reading.latest_at:%Y-%m-%d %H:%M} to {reading.in_doubt_since:%Y-%m-%d %H:%M} UTC. Set it by "
            "NTP; if it is right, run manage.py confirm_clock."
        )
    return ""


def doubt_by_database() -> str:
    """Why the database's clock says that this process should not trust its own; "" where they agree."""
    difference = abs(difference_to_database())
    if difference <= TOLERANCE:
        return ""
    return f"The clocks of this machine and of the database differ by {difference}. Set them by NTP."


def difference_to_database() -> timedelta:
    """How far this machine's clock is ahead of the database's. SQLite uses this machine's clock: 0."""
    if connection.vendor != "postgresql":
        return timedelta(0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [theirs] = cursor.fetchone()
    ours: timedelta = timezone.now() - theirs
    return ours


def confirm(now: datetime) -> None:
    """Trust the clock as it is now, on an operator's word."""
    ClockReading.objects.update_or_create(
        pk=ClockReading.KEY, defaults={"latest_at": now, "observed_at": now, "in_doubt_since": None}
    )


class ClockWatch:
    """Detects jumps of the clock during the life of a worker."""

    def __init__(self) -> None:
        self._last: tuple[datetime, float] | None = None
        """Readings of the clock and of `steady_seconds` at the last observation."""
        self._steady_since = steady_seconds()

    def observe(self, now: datetime) -> None:
        """Compare the clock with earlier readings and save the result. Logs when a doubt begins and when it ends."""
        steady = steady_seconds()
        step = self._step(now, steady)
        if abs(step) > TOLERANCE:
            self._steady_since = steady
        with transaction.atomic():
            reading = ClockReading.objects.select_for_update().first() or ClockReading(latest_at=_latest_written(now))
            was_in_doubt = reading.in_doubt_since is not None
            if was_in_doubt and self._is_trusted_again(reading, now, steady):
                reading.in_doubt_since = None
            elif not was_in_doubt and now - reading.latest_at > self._allowed(steady):
                reading.in_doubt_since = now
            if reading.in_doubt_since is None:
                reading.latest_at = now if was_in_doubt else max(now, reading.latest_at)
            reading.observed_at = now
            reading.save()
        self._last = now, steady
        self._log(reading, was_in_doubt=was_in_doubt)

    def _step(self, now: datetime, steady: float) -> timedelta:
        """How far the clock was set, forward or back, since the last observation."""
        if self._last is None:
            return timedelta(0)
        return now - self._last[0] - timedelta(seconds=steady - self._last[1])

    def _allowed(self, steady: float) -> timedelta:
        """How far the clock may be ahead of the latest trusted reading."""
        if self._last is None:
            return LONGEST_PAUSE
        return LONGEST_STEP + timedelta(seconds=steady - self._last[1])

    def _is_trusted_again(self, reading: ClockReading, now: datetime, steady: float) -> bool:
        """Whether the clock was set back to about the latest trusted reading, or has run steadily for `TRUSTED_AFTER`."""
        was_put_back = reading.observed_at - now > TOLERANCE and now - reading.latest_at <= LONGEST_PAUSE
        return was_put_back or timedelta(seconds=steady - self._steady_since) >= TRUSTED_AFTER

    def _log(self, reading: ClockReading, *, was_in_doubt: bool) -> None:
        if reading.in_doubt_since and not was_in_doubt:
            log.error("%s", doubt())
        elif was_in_doubt and not reading.in_doubt_since:
            log.warning("The clock is trusted again: what is due is erased and expired.")


def steady_seconds() -> float:
    """Seconds on a clock that cannot be set. It includes time in which the machine was suspended, if the system can tell."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


def _latest_written(now: datetime) -> datetime:
    """The latest time, not after now, of an audit entry or a heartbeat: the first reading of an installation."""
    entries = AuditEntry.objects.order_by("-id").values_list("timestamp", flat=True)
    beat = WorkerBeat.objects.aggregate(latest=Max("seen_at"))["latest"]
    return min(now, max((moment for moment in (entries.first(), beat) if moment), default=now))
