"""Whether this machine's clock can be believed: against the database's clock, and against the time when workers last saw it.

While the clock is in doubt nothing is erased or expired: rows that are kept too long can be deleted later, deleted ones never
come back. Only a clock that is ahead does harm, so one that is put back raises no doubt.
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
"""By which the clocks of two machines may differ."""
LONGEST_STEP: Final = timedelta(hours=1)
"""By which a clock may be put forward under a running worker: as one that was set to local time."""
LONGEST_PAUSE: Final = timedelta(days=7)
"""For which all workers may have been stopped before the clock is rather taken to have leapt."""
TRUSTED_AFTER: Final = timedelta(days=3)
"""For which a clock in doubt has to run steadily under one worker before it is believed without anybody's confirmation."""


def doubt() -> str:
    """Why this process should not trust its clock, in a sentence that says what to do; "" where it can."""
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
    """By how much this machine's clock is ahead of the database's. SQLite has no clock of its own."""
    if connection.vendor != "postgresql":
        return timedelta(0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [theirs] = cursor.fetchone()
    ours: timedelta = timezone.now() - theirs
    return ours


def confirm(now: datetime) -> None:
    """Somebody says that the clock is right as it is."""
    ClockReading.objects.update_or_create(
        pk=ClockReading.KEY, defaults={"latest_at": now, "observed_at": now, "in_doubt_since": None}
    )


class ClockWatch:
    """Notices leaps of the clock for as long as a worker lives."""

    def __init__(self) -> None:
        self._last: tuple[datetime, float] | None = None
        """What the clock and the steady clock said last."""
        self._steady_since = steady_seconds()

    def observe(self, now: datetime) -> None:
        """Compare the clock with what was seen of it before, and note what is found. Where the doubt ends, it is logged, too."""
        steady = steady_seconds()
        step = self._step(now, steady)
        if abs(step) > TOLERANCE:
            self._steady_since = steady
        with transaction.atomic():
            reading = ClockReading.objects.select_for_update().first() or ClockReading(latest_at=_latest_written(now))
            was_in_doubt = reading.in_doubt_since is not None
            if was_in_doubt and self._is_over(reading, now, steady):
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
        """By how much the clock was set since the last look."""
        if self._last is None:
            return timedelta(0)
        return now - self._last[0] - timedelta(seconds=steady - self._last[1])

    def _allowed(self, steady: float) -> timedelta:
        """How far the clock may be from the latest time seen."""
        if self._last is None:
            return LONGEST_PAUSE
        return LONGEST_STEP + timedelta(seconds=steady - self._last[1])

    def _is_over(self, reading: ClockReading, now: datetime, steady: float) -> bool:
        """Whether the clock was put back near to where it had been, or has run steadily for so long that it is believed."""
        was_put_back = reading.observed_at - now > TOLERANCE and now - reading.latest_at <= LONGEST_PAUSE
        return was_put_back or timedelta(seconds=steady - self._steady_since) >= TRUSTED_AFTER

    def _log(self, reading: ClockReading, *, was_in_doubt: bool) -> None:
        if reading.in_doubt_since and not was_in_doubt:
            log.error("%s", doubt())
        elif was_in_doubt and not reading.in_doubt_since:
            log.warning("The clock is trusted again: what is due is erased and expired.")


def steady_seconds() -> float:
    """Seconds of a clock that nobody sets, and that counts while the machine sleeps where the system has such a clock."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


def _latest_written(now: datetime) -> datetime:
    """The latest time up to now at which anything was written, for the first look of all."""
    entries = AuditEntry.objects.order_by("-id").values_list("timestamp", flat=True)
    beat = WorkerBeat.objects.aggregate(latest=Max("seen_at"))["latest"]
    return min(now, max((moment for moment in (entries.first(), beat) if moment), default=now))
