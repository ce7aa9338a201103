"""Threads that help the worker while several emails are due, each with its own SMTP connection."""

import logging
import time
from collections.abc import Callable
from threading import Lock, Thread
from typing import Protocol

from django.db import Error, connection

from core import error_text, metrics
from core.mail.smtp import Outcome, SmtpTransport

log = logging.getLogger(__name__)


class HasStop(Protocol):
    requested: bool


class Senders:
    """A pool of at most `limit` threads. A thread ends and disconnects when no email is due or the server refuses it.

    A mail server that limits the connections of one client refuses the newest. Threads that are connected go on; no new
    one is started until `pause_after` the number of consecutive failures, in seconds.
    """

    def __init__(
        self, limit: int, connect: Callable[[], SmtpTransport], *, pause_after: Callable[[int], float]
    ) -> None:
        self.limit = limit
        self._connect, self._pause_after = connect, pause_after
        self._threads: list[Thread] = []
        self._lock = Lock()
        self._failures = 0
        self._paused_until = 0.0
        """By `time.monotonic`."""
        self.sent = 0
        """Number of emails sent so far."""

    def start(self, wanted: int, send_next: Callable[[SmtpTransport], Outcome | None], stop: HasStop) -> None:
        """Start threads until `wanted` of them run, within the limit; none during a pause."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if time.monotonic() < self._paused_until:
            return
        for _number in range(len(self._threads), min(wanted, self.limit)):
            thread = Thread(target=self._work, args=(send_next, stop))
            thread.start()
            self._threads.append(thread)

    def finish(self) -> None:
        """Wait for all threads. Each finishes its current email after `stop` is requested, otherwise everything that is due."""
        for thread in self._threads:
            thread.join()

    def _work(self, send_next: Callable[[SmtpTransport], Outcome | None], stop: HasStop) -> None:
        try:
            with self._connect() as transport:
                while not stop.requested and (outcome := send_next(transport)) is not None:
                    self._record(outcome)
                    if outcome is Outcome.UNAVAILABLE:
                        break
        except Exception as error:
            log.error("Emails cannot be sent now, and are tried again soon: %s.", error_text.describe_error(error))
            if isinstance(error, Error):
                metrics.count_database_error(error)
            self._record(Outcome.UNAVAILABLE)
        finally:
            connection.close()

    def _record(self, outcome: Outcome) -> None:
        with self._lock:
            self.sent += outcome is Outcome.SENT
            if outcome is Outcome.UNAVAILABLE:
                self._failures += 1
                self._paused_until = time.monotonic() + self._pause_after(self._failures)
            else:
                self._failures = 0
