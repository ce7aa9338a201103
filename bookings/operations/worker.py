"""The worker: sends emails as they fall due, queues reminders, deletes expired data, and writes audit log checkpoints."""

import logging
import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from accounts.audit.checkpoints import Checkpointer
from accounts.auth import account_emails, email_change, password_reset, sessions
from accounts.idempotency import service as idempotency
from bookings.mails import account_email_delivery, delivery, limits, misdated, reminders
from bookings.mails.senders import Senders
from bookings.models import Mail
from bookings.operations import clock_check, heartbeat
from bookings.operations.clock_check import ClockWatch
from bookings.operations.heartbeat import Heartbeat
from bookings.privacy import retention, retention_notices
from bookings.undo import steps
from core import error_text, metrics
from core.mail.smtp import Outcome, SmtpTransport

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.2
IDLE_SECONDS: Final = 2.0
LONGEST_PAUSE_SECONDS: Final = 60.0
REMIND_EVERY: Final = timedelta(minutes=1)
TIDY_EVERY: Final = timedelta(hours=1)
RETAIN_EVERY: Final = timedelta(days=1)
CHECK_CLOCK_EVERY: Final = timedelta(minutes=1)
TEXT_RETENTION: Final = timedelta(days=30)
"""How long staff can read the text of an email. The record that it was sent stays."""


class Stop:
    """A request to stop. Not a `threading.Event`: a signal handler that sets one can deadlock on its lock."""

    def __init__(self) -> None:
        self.requested = False

    def request(self) -> None:
        self.requested = True

    def wait(self, seconds: float = float("inf")) -> None:
        """Sleep for that long, or until a stop is requested."""
        until = time.monotonic() + seconds
        while not self.requested and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, POLL_SECONDS))


def run(transport: SmtpTransport, stop: Stop, beats: Heartbeat | None = None, senders: Senders | None = None) -> None:
    """Work until a stop is requested, and finish the current emails first. While several are due, `senders` help.

    After any error, such as a lost database connection, it pauses and tries again.
    """
    try:
        _run(transport, stop, beats or Heartbeat(), senders)
    finally:
        if senders:
            senders.finish()


def _run(transport: SmtpTransport, stop: Stop, beats: Heartbeat, senders: Senders | None) -> None:
    rounds = [Round(reminders.queue_due, REMIND_EVERY, name="reminders"), *housekeeping()]
    troubles = 0
    while not stop.requested:
        try:
            run_due(rounds, beats)
            with beats.during("mails"):
                if senders and not troubles:
                    _start(senders, stop)
                outcome = _deliver_next(transport)
            troubles = troubles + 1 if outcome is Outcome.UNAVAILABLE else 0
        except Exception as error:
            log.error("Emails cannot be sent now, and are tried again soon: %s.", error_text.describe_error(error))
            if isinstance(error, Error):
                metrics.count_database_error(error)
            connection.close()
            outcome, troubles = None, troubles + 1
        if troubles:
            stop.wait(pause_after(troubles))
        elif outcome is None:
            transport.close()
            stop.wait(IDLE_SECONDS)


def run_housekeeping(stop: Stop, beats: Heartbeat | None = None) -> None:
    """Delete expired data and write checkpoints until a stop is requested: the worker's loop without a mail server."""
    beats = beats or Heartbeat()
    rounds = housekeeping()
    while not stop.requested:
        try:
            run_due(rounds, beats)
        except Exception as error:
            log.error(
                "Expired data cannot be deleted now; it is tried again later: %s.", error_text.describe_error(error)
            )
            connection.close()
        stop.wait(LONGEST_PAUSE_SECONDS)


def run_due(rounds: "list[Round]", beats: Heartbeat) -> None:
    """Run the rounds that are due; the heartbeat names the current one."""
    for one in rounds:
        beats.beat_if_due()
        with beats.during(one.name):
            one.run_if_due(timezone.now())


def housekeeping() -> "list[Round]":
    """Rounds that need no mail server. The clock check comes first: nothing is deleted while the clock is in doubt."""
    clock = ClockWatch()
    return [
        Round(clock.observe, CHECK_CLOCK_EVERY, name="clock"),
        Round(misdated.bring_forward, REMIND_EVERY, name="misdated mails"),
        Round(partial(if_clock_is_trusted, clock, tidy), TIDY_EVERY, name="tidying"),
        Round(partial(if_clock_is_trusted, clock, retain), RETAIN_EVERY, name="retention"),
        Round(Checkpointer().make, timedelta(seconds=settings.AUDIT_CHECKPOINT_SECONDS), name="audit checkpoints"),
    ]


def if_clock_is_trusted(clock: ClockWatch, work: Callable[[datetime], object], now: datetime) -> None:
    """Run work that erases or expires data, unless the clock is in doubt."""
    clock.observe(now)
    if reason := clock_check.doubt():
        log.error("Nothing is erased or expired. %s", reason)
    else:
        work(now)


def retain(now: datetime) -> None:
    """Erase customers whose retention period has ended, at stations that have one, and log how many."""
    retention_notices.withdraw_unneeded()
    for one in retention.apply_rules(now, is_limited=True):
        if one.erased:
            log.info(
                "%s customers of station %s are erased: their retention period has ended.", one.erased, one.station.code
            )
        if one.remaining:
            log.warning(
                "%s more customers of station %s are due to be erased than one day's limit allows. Check this machine's clock "
                "and run manage.py retain, or wait: some are erased each day.",
                one.remaining,
                one.station.code,
            )


def run_once(transport: SmtpTransport, senders: Senders | None = None) -> int:
    """Send all emails that are due now, and return how many were sent. Stops when the mail server is unavailable."""
    reminders.queue_due(timezone.now())
    sent = 0
    if senders:
        _start(senders, Stop())
    while (outcome := _deliver_next(transport)) not in (None, Outcome.UNAVAILABLE):
        sent += outcome is Outcome.SENT
    if senders:
        senders.finish()
        sent += senders.sent
    return sent


def _start(senders: Senders, stop: Stop) -> None:
    """Start a thread for each email that is due, except for the one that the worker itself takes."""
    senders.start(delivery.count_due(timezone.now(), at_most=senders.limit + 1) - 1, _deliver_next, stop)


def _deliver_next(transport: SmtpTransport) -> Outcome | None:
    """Send one email; those to users come first, as a person may be waiting for a password reset link."""
    return account_email_delivery.deliver_next(transport) or delivery.deliver_next(transport)


def tidy(now: datetime) -> None:
    """Delete expired data: texts of old emails, unsent account emails, sessions, idempotency keys, counters, undo steps,
    and heartbeats of workers that have ended."""
    password_reset.delete_expired(now)
    account_emails.delete_expired(now)
    email_change.delete_expired(now)
    sessions.delete_expired(now)
    idempotency.delete_expired(now)
    limits.delete_expired(now)
    Mail.objects.filter(ended_at__lt=now - TEXT_RETENTION, message__isnull=False).update(message=None)
    steps.delete_old(now)
    heartbeat.forget_old(now)


def pause_after(troubles: int) -> float:
    return min(2.0 ** min(troubles - 1, 6), LONGEST_PAUSE_SECONDS) * random.uniform(1, 1.5)  # noqa: S311  # nosec B311  # no secret


class Round:
    """Work to be done at an interval. A failed run is tried again only after the interval, so that it blocks no other work.

    When the clock is set back the work runs at once; otherwise it would wait for as long as the clock was set back.
    """

    def __init__(self, work: Callable[[datetime], object], every: timedelta, *, name: str = "") -> None:
        self.name, self._work, self._every = name, work, every
        self._last: datetime | None = None

    def run_if_due(self, now: datetime) -> None:
        if self._last is None or not self._last <= now < self._last + self._every:
            self._last = now
            self._work(now)
