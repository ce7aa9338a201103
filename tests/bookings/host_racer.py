"""A host at the door: `python -m tests.bookings.host_racer STATION DATE` seats a walk-in in the slot from midnight on.

Prints how it ended; anything but a booking or a rule's refusal ends the process with its traceback.
"""

import sys
from datetime import date, time

import django

django.setup()

from accounts import roles  # noqa: E402
from bookings import services  # noqa: E402
from bookings.models.status import Status  # noqa: E402
from bookings.services import Draft  # noqa: E402
from core.errors import DomainError  # noqa: E402

if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    code, day = sys.argv[1:]
    walk_in = Draft(code, date.fromisoformat(day), time(0), party_adults=2, status=Status.ARRIVED)
    try:
        services.create(walk_in, by=roles.OPERATOR)
        print("seated", flush=True)
    except DomainError as refusal:
        print(refusal.code, flush=True)
