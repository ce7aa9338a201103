"""One of several processes that book for customers while they are erased: `python -m tests.bookings.eraser SEED TRIES`.

Prints, as JSON, how often each try ended how; anything but a write or a rule's refusal ends the process with its traceback.
"""

import json
import os
import random
import sys
from collections import Counter
from datetime import time, timedelta

import django

django.setup()

from accounts import customers, roles  # noqa: E402
from accounts.customers import Contact  # noqa: E402
from accounts.models import Customer  # noqa: E402
from bookings import services  # noqa: E402
from bookings.models import Booking  # noqa: E402
from bookings.models.status import Status  # noqa: E402
from bookings.privacy import erasure  # noqa: E402
from bookings.services import (  # noqa: E402
    Draft,
    contact_decisions,
)
from core.errors import DomainError  # noqa: E402
from tests.factories import FRIDAY  # noqa: E402

PEOPLE = 4


class Racer:
    """One process: its draw of writes, all about the same few people."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def someone(self) -> Customer:
        return self.draw.choice(list(Customer.objects.order_by("-created_at")[: PEOPLE * 2]))

    def a_booking(self) -> Booking | None:
        found = list(Booking.objects.filter(customer__erased_at=None).order_by("-created_at")[: PEOPLE * 4])
        return self.draw.choice(found) if found else None

    def book(self) -> None:
        number = self.draw.randrange(PEOPLE)
        chosen = self.someone().pk if self.draw.random() < 0.5 else None
        phone = f"+49 30 90182{self.draw.randrange(10)}"  # often another than on file
        named = None if chosen else Contact(f"Ana {number}", f"ana{number}@example.com", phone)
        day = FRIDAY + timedelta(days=self.draw.randrange(300))
        draft = Draft("kitchen", day, time(18), special_requests="Nuts", customer=named, customer_id=chosen)
        services.create(draft, by=roles.OPERATOR)

    def cancel(self) -> None:
        if found := self.a_booking():
            services.change_status(found.pk, Status.CANCELLED, by=roles.OPERATOR)

    def wish(self) -> None:
        if found := self.a_booking():
            wished = {"special_requests": f"Milk {self.draw.random()}"}
            services.edit(found.pk, wished, by=roles.OPERATOR, seen_version=found.version)

    def edit(self) -> None:
        customers.edit(self.someone().pk, {"notes": f"Loud {self.draw.random()}"}, by=roles.OPERATOR)

    def decide(self) -> None:
        if found := self.a_booking():
            decision = self.draw.choice([contact_decisions.use, contact_decisions.dismiss])
            decision(found.pk, "phone", by=roles.OPERATOR, seen_version=found.version)

    def erase(self) -> None:
        someone = self.someone()
        for booking in Booking.objects.filter(customer=someone).exclude(status=Status.CANCELLED):
            services.change_status(booking.pk, Status.CANCELLED, by=roles.OPERATOR)
        erasure.erase(someone.pk, by=roles.OPERATOR)

    def run(self, tries: int) -> Counter[str]:
        ends: Counter[str] = Counter()
        for _try in range(tries):
            work = self.draw.choice([self.book, self.book, self.cancel, self.wish, self.edit, self.decide, self.erase])
            try:
                work()
                ends[f"{work.__name__}: done"] += 1
            except DomainError as refusal:
                ends[f"{work.__name__}: {refusal.code}"] += 1
        return ends


if __name__ == "__main__":
    racer = Racer(os.getpid())
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(racer.run(int(sys.argv[1]))))
