"""One of several processes that work while somebody reads: `python -m tests.bookings.api.writers TRIES STATION …`.

Makes, moves and cancels bookings at several stations, and prints how many changes went in.
"""

import os
import random
import sys
from datetime import time, timedelta

import django

django.setup()

from accounts import roles  # noqa: E402
from bookings import services  # noqa: E402
from bookings.models import Booking  # noqa: E402
from bookings.models.status import Status  # noqa: E402
from bookings.services import Draft, Place  # noqa: E402
from core.errors import DomainError  # noqa: E402
from tests.factories import FRIDAY  # noqa: E402


def change(draw: random.Random, stations: list[str]) -> None:
    """One change; raises DomainError where the rules refuse it."""
    place = Place(FRIDAY + timedelta(days=draw.randrange(60)), time(draw.randrange(17, 22)), draw.choice(stations))
    if draw.random() < 0.2:
        draft = Draft(place.station or "", place.date, place.slot, status=Status.CONFIRMED)
        services.create(draft, by=roles.OPERATOR)
        return
    pk = draw.choice(list(Booking.objects.order_by("created_at").values_list("pk", flat=True)[:200]))
    if draw.random() < 0.2:
        services.change_status(pk, Status.CANCELLED, by=roles.OPERATOR)
    else:
        services.reschedule(pk, to=place, by=roles.OPERATOR)


def main(tries: int, stations: list[str]) -> int:
    draw, done = random.Random(os.getpid()), 0
    for _n in range(tries):
        try:
            change(draw, stations)
            done += 1
        except DomainError:
            pass
    return done


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    print(main(int(sys.argv[1]), sys.argv[2:]))
