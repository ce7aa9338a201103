"""One of several processes that fight for places: `python -m tests.bookings.racer TRIES STATION …`.

Does random writes at two stations and prints, as JSON, how often each ended how; anything but a booking or a rule's refusal
ends the process with its traceback.
"""

import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from datetime import time, timedelta

import django

django.setup()

from accounts import roles  # noqa: E402
from accounts.customers import Contact  # noqa: E402
from bookings import services  # noqa: E402
from bookings.models import Booking  # noqa: E402
from bookings.models.status import Status  # noqa: E402
from bookings.services import Draft, Place  # noqa: E402
from core.errors import DomainError  # noqa: E402
from tests.factories import FRIDAY  # noqa: E402

HOURS = (17, 18, 19)


class Racer:
    """One process: its draw of writes, all into the same few slots."""

    def __init__(self, seed: int, stations: list[str]) -> None:
        self.draw = random.Random(seed)
        self.stations = stations

    def place(self) -> Place:
        day = FRIDAY + timedelta(days=self.draw.randrange(2))
        return Place(day, time(self.draw.choice(HOURS)), self.draw.choice(self.stations))

    def draft(self) -> Draft:
        place = self.place()
        return Draft(
            place.station or "",
            place.date,
            place.slot,
            slots=self.draw.choice([1, 1, 2]),
            party_adults=self.draw.randrange(1, 4),
            status=Status.CONFIRMED,
            customer=Contact("Ana García", f"ana{self.draw.randrange(3)}@example.com"),
        )

    def some_booking(self, **wanted: str) -> Booking | None:
        found = list(Booking.objects.filter(**wanted).order_by("created_at")[:40])
        return self.draw.choice(found) if found else None

    def create(self) -> None:
        services.create(self.draft(), by=roles.OPERATOR)

    def import_file(self) -> None:
        for made in services.create_many([self.draft() for _n in range(3)], by=roles.OPERATOR):
            if isinstance(made, DomainError):
                raise made

    def move(self) -> None:
        if booking := self.some_booking(status="confirmed"):
            services.reschedule(booking.pk, to=self.place(), by=roles.OPERATOR)

    def cancel(self) -> None:
        if booking := self.some_booking(status="confirmed"):
            services.change_status(booking.pk, Status.CANCELLED, by=roles.OPERATOR, seen_version=booking.version)

    def restore(self) -> None:
        if booking := self.some_booking(status="cancelled"):
            services.change_status(booking.pk, Status.CONFIRMED, by=roles.OPERATOR)

    def leave(self) -> None:
        if booking := self.some_booking(status="confirmed"):
            services.change_status(booking.pk, Status.COMPLETED, by=roles.OPERATOR, seen_version=booking.version)

    def come_back(self) -> None:
        if booking := self.some_booking(status="completed"):
            services.change_status(booking.pk, Status.CONFIRMED, by=roles.OPERATOR)

    def edit(self) -> None:
        if booking := self.some_booking():
            changes = {"party_adults": self.draw.randrange(1, 5), "slots": self.draw.choice([1, 2])}
            services.edit(booking.pk, changes, by=roles.OPERATOR)

    def run(self, tries: int) -> Counter[str]:
        ways: list[Callable[[], None]] = [
            self.create, self.create, self.import_file, self.move, self.move, self.cancel, self.restore, self.edit,
            self.leave, self.come_back,
        ]  # fmt: skip
        ends: Counter[str] = Counter()
        for _try in range(tries):
            way = self.draw.choice(ways)
            try:
                way()
                ends["done"] += 1
            except DomainError as refusal:
                ends[refusal.code] += 1
        return ends


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    tries, *stations = sys.argv[1:]
    print(json.dumps(Racer(os.getpid(), stations).run(int(tries))), flush=True)
