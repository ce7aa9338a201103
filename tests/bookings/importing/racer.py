"""One of several processes at the same bookings: `python -m tests.bookings.importing.racer TRIES`.

Brings the same rows in again and again, each time with other parties, for good or as a dry run, and moves their bookings between
two stations; prints, as JSON, how often each ended how. Anything but a rule's refusal ends the process with its traceback.
"""

import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from datetime import time
from functools import partial
from io import BytesIO

import django

django.setup()

from accounts import roles  # noqa: E402
from bookings import services  # noqa: E402
from bookings.importing import run as running  # noqa: E402
from bookings.importing.run import Import, Order  # noqa: E402
from bookings.models import Booking  # noqa: E402
from bookings.services import Place  # noqa: E402
from core.errors import DomainError  # noqa: E402
from tests.factories import FRIDAY  # noqa: E402

HOURS = (17, 18, 19, 20)


class Racer:
    """One process: `ends` counts what became of its rows and moves."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.ends: Counter[str] = Counter()

    def bring_in(self, *, dry_run: bool = False) -> None:
        """Two rows of each station, first those of the one that is locked last."""
        rows = [
            f"R{hour},{'late' if hour < 19 else 'early'},{FRIDAY},{hour}:00,{self.draw.randrange(1, 9)}"
            for hour in HOURS
        ]
        file = BytesIO("\n".join(["external_ref,station,date,slot,party_adults", *rows]).encode())
        job = Import(file, Order(dry_run=dry_run), by=roles.OPERATOR)
        summary = job.run(on_refused=lambda refused: self.ends.update([refused.error.code]))
        self.ends.update({name: count for name, count in summary.as_json().items() if name not in ("rows", "refused")})

    def move(self) -> None:
        found = Booking.objects.order_by("?").first()
        if found is None:
            return
        to = Place(FRIDAY, time(self.draw.choice(HOURS)), self.draw.choice(["early", "late"]))
        try:
            services.reschedule(found.pk, to=to, by=roles.OPERATOR)
            self.ends["moved"] += 1
        except DomainError as refusal:
            self.ends[refusal.code] += 1

    def run(self, tries: int) -> Counter[str]:
        ways: list[Callable[[], None]] = [self.bring_in, partial(self.bring_in, dry_run=True), self.move, self.move]
        for _try in range(tries):
            self.draw.choice(ways)()
        return self.ends


if __name__ == "__main__":
    running.ROWS_AT_ONCE = 2  # type: ignore[misc]  # so that a file of four rows takes several transactions
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(Racer(os.getpid()).run(int(sys.argv[1]))), flush=True)
