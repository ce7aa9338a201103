"""A worker that may be killed: `python -m tests.mails.workhorse PORT` delivers until nothing is left, with short leases."""

import sys
from datetime import timedelta
from typing import Final

import django

django.setup()

from bookings.mails import delivering, worker  # noqa: E402
from bookings.mails.courier import Courier  # noqa: E402
from bookings.mails.worker import Stop  # noqa: E402

LEASE: Final = timedelta(seconds=4)
"""Longer than a busy machine makes a live worker take; short enough to be waited for."""

if __name__ == "__main__":
    delivering.LEASE = LEASE  # type: ignore[misc]
    worker.IDLE_SECONDS = 0.2  # type: ignore[misc]
    print("ready", flush=True)
    sys.stdin.readline()
    server = {
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": int(sys.argv[1]),
        "EMAIL_HOST_USER": "",
        "EMAIL_HOST_PASSWORD": "",
    }
    with Courier(server) as courier:
        worker.run(courier, Stop())
