"""One of several processes that race for the same bookings: `python -m tests.bookings.importing.racer TRIES`.

It imports the same rows again and again with other parties, also as dry runs, and moves their bookings between two stations. It
prints the number of each result as JSON. Any error but a domain error ends the process with its traceback.
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
from bookings.importing.run import Import, ImportOptions  # noqa: E402
from bookings.models import Booking  # noqa: E402
from bookings.services import Place  # noqa: E402
from core.errors import DomainError  # noqa: E402
from tests.factories import FRIDAY  # noqa: E402

HOURS = (17, 18, 19, 20)


class Racer:
    """`results` counts the results of rows and moves."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.results: Counter[str] = Counter()

    def import_file(self, *, dry_run: bool = False) -> None:
        """Import two rows of each station, first those of the station that is locked last."""
        rows = [
            f"R{hour},{'late' if hour < 19 else 'early'},{FRIDAY},{hour}:00,{self.draw.randrange(1, 9)}"
            for hour in HOURS
        ]
        file = BytesIO("\n".join(["external_ref,station,date,slot,party_adults", *rows]).encode())
        job = Import(file, ImportOptions(dry_run=dry_run), by=roles.OPERATOR)
        summary = job.run(on_refused=lambda refused: self.results.update([refused.error.code]))
        self.results.update(
            {name: count for name, count in summary.as_json().items() if name not in ("rows", "refused")}
        )

    def move(self) -> None:
        found = Booking.objects.order_by("?").first()
        if found is None:
            return
        to = Place(FRIDAY, time(self.draw.choice(HOURS)), self.draw.choice(["early", "late"]))
        try:
            services.reschedule(found.pk, to=to, by=roles.OPERATOR)
            self.results["moved"] += 1
        except DomainError as refusal:
            self.results[refusal.code] += 1

    def run(self, tries: int) -> Counter[str]:
        actions: list[Callable[[], None]] = [
            self.import_file,
            partial(self.import_file, dry_run=True),
            self.move,
            self.move,
        ]
        for _try in range(tries):
            self.draw.choice(actions)()
        return self.results


if __name__ == "__main__":
    running.BATCH_SIZE = 2  # type: ignore[misc]  # so that a file of four rows takes several transactions
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(Racer(os.getpid()).run(int(sys.argv[1]))), flush=True)
