"""One of several workers that begin with the retention of a day at once: `python -m tests.bookings.notifier`."""

import sys

import django

django.setup()

from django.utils import timezone  # noqa: E402

from bookings.operations import worker  # noqa: E402

if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    worker.retain(timezone.now())
