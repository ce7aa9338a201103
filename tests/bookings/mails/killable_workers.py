"""Workers to kill: `python -m tests.bookings.mails.killable_workers PORT` starts one for each line it reads and prints its id.

They are forked from one process that has imported everything, so that a new one starts at once; each takes a short lease.
"""

import os
import signal
import sys
from datetime import timedelta
from functools import partial
from typing import Final

import django

django.setup()

from django.utils import timezone  # noqa: E402

from accounts.models import Customer  # noqa: E402
from bookings.mails import delivery, rendering  # noqa: E402
from bookings.mails.senders import Senders  # noqa: E402
from bookings.models import Booking, Mail  # noqa: E402
from bookings.models.mail_state import Kind  # noqa: E402
from bookings.operations import worker  # noqa: E402
from bookings.operations.worker import Stop  # noqa: E402
from config.environment import env  # noqa: E402
from core.mail.smtp import SmtpTransport  # noqa: E402
from stations.models import Station  # noqa: E402

LEASE: Final = timedelta(seconds=3)
"""Longer than a live worker takes on a busy machine, and short enough to wait for."""
SENDERS: Final = 3
"""Emails that each worker sends at the same time."""


class Orphaned(Stop):
    """Stops the worker when its parent process is gone."""

    def __init__(self) -> None:
        self._parent = os.getppid()

    @property
    def requested(self) -> bool:  # type: ignore[override]
        return os.getppid() != self._parent


def warm_up() -> None:
    """Render one email without sending it, so that a killed worker is killed while it sends and not while it imports."""
    station = Station(pk=1, name="Kitchen", time_zone="Europe/Berlin", country="DE")
    customer = Customer(name="Ana", email="ana@example.com")
    now = timezone.now()
    booked = Booking(station=station, customer=customer, date=now.date(), slot=now.time(), starts_at=now, ends_at=now)
    rendering.build_message(Mail(booking=booked, kind=Kind.MADE), booked, customer, now=now).as_bytes()


def work(port: str) -> None:
    connect = partial(SmtpTransport, env.email_url_config(f"smtp://127.0.0.1:{port}"))
    senders = Senders(SENDERS - 1, connect, pause_after=worker.pause_after)
    with connect() as transport:
        worker.run(transport, Orphaned(), senders=senders)


if __name__ == "__main__":
    delivery.LEASE = LEASE  # type: ignore[misc]
    worker.IDLE_SECONDS = 0.2  # type: ignore[misc]
    warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _line in sys.stdin:
        if child := os.fork():
            print(child, flush=True)
        else:
            work(sys.argv[1])
            os._exit(0)
