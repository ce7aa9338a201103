"""The threads of a worker that send mails beside it, each over a connection of its own, while more than one mail is due."""

import logging
import time
from collections.abc import Callable
from threading import Lock, Thread
from typing import Protocol

from django.db import Error, connection

from core import error_text, metrics
from core.mail.smtp import Courier, Outcome

log = logging.getLogger(__name__)


class HasStop(Protocol):
    requested: bool


class Senders:
    """At most so many at once. Each ends, and closes its connections, when nothing is due or the mail server turns it away.

    A mail server that takes no more connections from one client turns away the newest: those that are open go on, and another is
    tried after a pause that grows each time.
    """

    def __init__(self, most: int, connect: Callable[[], Courier], *, pause_after: Callable[[int], float]) -> None:
        self._most, self._connect, self._pause_after = most, connect, pause_after
        self._threads: list[Thread] = []
        self._lock = Lock()
        self._troubles = 0
        self._rests_until = 0.0
        self.sent = 0
        """How many mails they have sent so far."""

    @property
    def most(self) -> int:
        return self._most

    def start(self, wanted: int, send_next: Callable[[Courier], Outcome | None], stop: HasStop) -> None:
        """See to it that so many are at work, or as many as there may be."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if time.monotonic() < self._rests_until:
            return
        for _number in range(len(self._threads), min(wanted, self._most)):
            thread = Thread(target=self._work, args=(send_next, stop))
            thread.start()
            self._threads.append(thread)

    def finish(self) -> None:
        """Wait until each has finished the mail in hand, or all that is due where nobody has told them to stop."""
        for thread in self._threads:
            thread.join()

    def _work(self, send_next: Callable[[Courier], Outcome | None], stop: HasStop) -> None:
        try:
            with self._connect() as courier:
                while not stop.requested and (outcome := send_next(courier)) is not None:
                    self._note(outcome)
                    if outcome is Outcome.AWAY:
                        break
        except Exception as error:
            log.error("Mails wait, and are looked for again soon: %s.", error_text.describe_error(error))
            if isinstance(error, Error):
                metrics.failed(error)
            self._note(Outcome.AWAY)
        finally:
            connection.close()

    def _note(self, outcome: Outcome) -> None:
        with self._lock:
            self.sent += outcome is Outcome.SENT
            if outcome is Outcome.AWAY:
                self._troubles += 1
                self._rests_until = time.monotonic() + self._pause_after(self._troubles)
            else:
                self._troubles = 0
