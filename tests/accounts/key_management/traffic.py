"""Staff at work while keys are changed: `python -m tests.accounts.key_management.traffic NUMBER OF` until its input ends.

Edits the customers and bookings that are its own (every so-many-th), books for them again, reads everybody's and searches for
everybody. Prints as JSON how often it did what, and how long the slowest took; whatever cannot be read, is not found, is found
twice or says something else than was last written ends it with its traceback.
"""

import json
import os
import random
import select
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import time as clock
from datetime import timedelta

import django

django.setup()

from accounts import customers, roles  # noqa: E402
from accounts.customers import Contact  # noqa: E402
from accounts.models import Customer  # noqa: E402
from bookings import services  # noqa: E402
from bookings.models import Booking  # noqa: E402
from bookings.services import Draft  # noqa: E402
from tests.accounts.key_management.people import email_of, name_of, number_of  # noqa: E402
from tests.factories import FRIDAY  # noqa: E402


class Staff:
    """One process at work, with all that it has written last."""

    def __init__(self, seed: int, number: int, of: int) -> None:
        self.draw = random.Random(seed)
        everybody = {customer.pk: customer for customer in Customer.objects.all()}
        self.numbers = {pk: number_of(customer.email) for pk, customer in everybody.items()}
        self.mine = [pk for pk, one in self.numbers.items() if one % of == number]
        self.notes = {pk: everybody[pk].notes for pk in self.mine}
        self.wishes = dict(Booking.objects.filter(customer__in=self.mine).values_list("pk", "special_requests"))

    def text(self) -> str:
        return f"Said {self.draw.randrange(10**9)}"

    def edit_a_customer(self) -> None:
        pk, notes = self.draw.choice(self.mine), self.text()
        phone = f"+4930{self.draw.randrange(10**7, 10**8)}"
        customers.edit(pk, {"phone": phone, "notes": notes}, by=roles.OPERATOR)
        self.notes[pk] = notes
        assert pk in [hit.pk for hit in customers.search(roles.OPERATOR, phone)]

    def edit_a_booking(self) -> None:
        pk, wish = self.draw.choice(list(self.wishes)), self.text()
        services.edit(pk, {"special_requests": wish}, by=roles.OPERATOR)
        self.wishes[pk] = wish

    def book_again(self) -> None:
        pk, wish, day = self.draw.choice(self.mine), self.text(), FRIDAY + timedelta(days=self.draw.randrange(300))
        again = Contact(name_of(self.numbers[pk]), email_of(self.numbers[pk]))
        station = Customer.objects.select_related("station").get(pk=pk).station
        made = services.create(
            Draft(station.code, day, clock(18), customer=again, special_requests=wish), by=roles.OPERATOR
        )
        assert made.customer_id == pk, "the same person was made a second time"
        self.wishes[made.pk] = wish

    def look_somebody_up(self) -> None:
        pk = self.draw.choice(list(self.numbers))
        wanted = self.draw.choice([email_of(self.numbers[pk]), name_of(self.numbers[pk])])
        assert [hit.pk for hit in customers.search(roles.OPERATOR, wanted)] == [pk], wanted

    def read_everything(self) -> None:
        notes = {customer.pk: customer.notes for customer in Customer.objects.all()}
        wishes = dict(Booking.objects.values_list("pk", "special_requests"))
        assert {pk: notes[pk] for pk in self.notes} == self.notes
        assert {pk: wishes[pk] for pk in self.wishes} == self.wishes

    def work(self) -> dict[str, int | float]:
        ways: list[Callable[[], None]] = [
            self.book_again,
            self.read_everything,
            *[self.edit_a_customer, self.edit_a_booking] * 3,
            *[self.look_somebody_up] * 8,
        ]
        done: Counter[str] = Counter()
        slowest = 0.0
        while not select.select([sys.stdin], [], [], 0)[0]:
            way, began = self.draw.choice(ways), time.monotonic()
            way()
            done[way.__name__] += 1
            slowest = max(slowest, time.monotonic() - began)
        self.read_everything()
        return {**done, "slowest": round(slowest, 2)}


if __name__ == "__main__":
    number, of = map(int, sys.argv[1:])
    staff = Staff(os.getpid(), number, of)
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(staff.work()), flush=True)
