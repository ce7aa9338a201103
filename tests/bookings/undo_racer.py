"""One of several processes that change the same few bookings and undo it: `python -m tests.bookings.undo_racer TRIES PERSON …`.

Every process acts as each of the people in turn, in one session of theirs, as people with two tabs do. Prints, as JSON, how often
each try ended how; `written` counts what wrote a version. Anything but a booking or a rule's refusal ends the process.
"""

import json
import os
import random
import sys
from collections import Counter
from uuid import UUID

import django

django.setup()

from datetime import time  # noqa: E402

from accounts.auth import principals  # noqa: E402
from accounts.models import User  # noqa: E402
from bookings import services  # noqa: E402
from bookings.models import Booking  # noqa: E402
from bookings.models.status import Status  # noqa: E402
from bookings.services.inputs import Place  # noqa: E402
from bookings.undo import service, steps  # noqa: E402
from core.errors import DomainError  # noqa: E402
from tests.factories import FRIDAY, SATURDAY  # noqa: E402


class Racer:
    def __init__(self, seed: int, people: list[str]) -> None:
        self.draw = random.Random(seed)
        self.people = people

    def person(self) -> User:
        user = principals.load_principal(int(self.draw.choice(self.people)))
        assert user
        user.undo_stack = UUID(int=user.pk)
        return user

    def move(self, by: User, chosen: Booking) -> Booking:
        day, hour = self.draw.choice([FRIDAY, SATURDAY]), self.draw.choice([17, 18, 19])
        return services.reschedule(chosen.pk, to=Place(day, time(hour)), by=by, seen_version=chosen.version).booking

    def step(self, by: User, chosen: Booking) -> Booking:
        to = self.draw.choice([Status.CANCELLED, Status.CONFIRMED])
        return services.change_status(chosen.pk, to, by=by, seen_version=chosen.version)

    def edit(self, by: User, chosen: Booking) -> Booking:
        return services.edit(chosen.pk, {"party_adults": self.draw.randrange(1, 4)}, by=by, seen_version=chosen.version)

    def undo(self, by: User) -> bool:
        found = list(steps.stack(by))
        undoes = self.draw.random() < 0.6
        step = steps.last_done(found) if undoes else steps.first_undone(found)
        if step:
            (service.undo if undoes else service.redo)(step, by=by)
        return step is not None

    def turn(self) -> str:
        by = self.person()
        if self.draw.random() < 0.5:
            return "undone" if self.undo(by) else "nothing"
        chosen = self.draw.choice(list(Booking.objects.order_by("created_at")))
        changed = self.draw.choice([self.move, self.step, self.edit])(by, chosen)
        return "written" if changed.version > chosen.version else "nothing"

    def run(self, tries: int) -> Counter[str]:
        ends: Counter[str] = Counter()
        for _try in range(tries):
            try:
                ends[self.turn()] += 1
            except DomainError as refusal:
                ends[refusal.code] += 1
        return ends


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    tries, *people = sys.argv[1:]
    print(json.dumps(Racer(os.getpid(), people).run(int(tries))), flush=True)
