"""Workers that may be killed: `python -m tests.mails.workhorse PORT` makes one for each line it reads, and prints who it is.

They are forked by one process that has all in memory already, so that a new one is at work in no time; each has a short lease.
"""

import os
import signal
import sys
from datetime import timedelta
from typing import Final

import django

django.setup()

from bookings.mails import delivering, worker  # noqa: E402
from bookings.mails.courier import Courier  # noqa: E402
from bookings.mails.worker import Stop  # noqa: E402
from config.settings import env  # noqa: E402

LEASE: Final = timedelta(seconds=3)
"""Longer than a busy machine makes a live worker take; short enough to be waited for."""


class Orphaned(Stop):
    """Told to stop when whoever made it is gone."""

    def __init__(self) -> None:
        self._parent = os.getppid()

    @property
    def told(self) -> bool:  # type: ignore[override]
        return os.getppid() != self._parent


def work(port: str) -> None:
    with Courier(env.email_url_config(f"smtp://127.0.0.1:{port}")) as courier:
        worker.run(courier, Orphaned())


if __name__ == "__main__":
    delivering.LEASE = LEASE  # type: ignore[misc]
    worker.IDLE_SECONDS = 0.2  # type: ignore[misc]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _line in sys.stdin:
        if made := os.fork():
            print(made, flush=True)
        else:
            work(sys.argv[1])
            os._exit(0)
