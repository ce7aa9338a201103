"""Changes to a small business that crash halfway: by an exception in this process, or by killing another one.

`python -m tests.bookings.crash_scenarios DEED` forks a process for each line `AT SIDE` that it reads. The process makes the
change and is killed before or after statement number AT, or commit number one (`c1`); its exit code is printed.
"""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import time
from functools import cache
from io import BytesIO
from typing import Any, Final

import django

if __name__ == "__main__":
    django.setup()

from django.db import connection, connections

from accounts import roles
from accounts.audit import verification
from accounts.auth.rate_limit_counters import TABLE as COUNTERS
from accounts.customers import Contact
from accounts.models import AuditEntry, Customer
from bookings import services
from bookings.importing import run
from bookings.importing.run import Import, ImportOptions
from bookings.mails import outbox
from bookings.models import Booking, Hold, ImportedRow, Mail
from bookings.models.status import Status
from bookings.services import Draft, Place
from bookings.services.verification import differences
from stations.models import Station
from tests.factories import FRIDAY, SATURDAY, booking, open_station

ANA: Final = Contact("Ana García", "ana@example.com", "+49 30 901820")
ROWS: Final = "\n".join(
    [
        "station,date,slot,customer_name,customer_email,external_ref",
        f"kitchen,{FRIDAY},17:00,Bo Li,bo@example.com,R1",
        f"bar,{FRIDAY},17:00,Bo Li,bo@example.com,R2",
        f"kitchen,{FRIDAY},20:00,Cy Dee,cy@example.com,R3",
    ]
)


def world() -> None:
    """Two stations; a booking that its customer is yet to hear of, and one that was cancelled."""
    for code in ("kitchen", "bar"):
        open_station(code=code)
    stays = Booking.objects.get(pk=booking(Station.objects.get(code="kitchen"), customer=ANA, external_ref="stays").pk)
    outbox.queue_created([stays])
    gone = booking(Station.objects.get(code="kitchen"), SATURDAY, customer=ANA, external_ref="gone")
    services.change_status(gone.pk, Status.CANCELLED, by=roles.OPERATOR)


def named(reference: str) -> Booking:
    return Booking.objects.get(external_ref=reference)


def create() -> None:
    draft = Draft(
        "kitchen", FRIDAY, time(20), slots=2, status=Status.CONFIRMED, customer=Contact("Di", "di@example.com")
    )
    services.create(draft, by=roles.OPERATOR)


def move() -> None:
    services.reschedule(named("stays").pk, to=Place(SATURDAY, time(19), "kitchen"), by=roles.OPERATOR)


def move_away() -> None:
    services.reschedule(named("stays").pk, to=Place(SATURDAY, time(19), "bar"), by=roles.OPERATOR)


def cancel() -> None:
    services.change_status(named("stays").pk, Status.CANCELLED, by=roles.OPERATOR)


def restore() -> None:
    services.change_status(named("gone").pk, Status.CONFIRMED, by=roles.OPERATOR)


def import_file() -> None:
    Import(BytesIO(ROWS.encode()), ImportOptions(notify=True), by=roles.OPERATOR).run(on_refused=print)


DEEDS: Final[dict[str, Callable[[], None]]] = {
    deed.__name__: deed for deed in (create, move, move_away, cancel, restore, import_file)
}


class Crash(Exception):
    """Of this process, as far as the database can tell: whatever was under way is not committed."""


class Bomb:
    """Goes off at the so-many-th statement, or commit, before or after it; what it does then is `bang`."""

    def __init__(self, at: str, side: str, bang: Callable[[], object]) -> None:
        self._commits = at.startswith("c")
        self._left, self._after, self._bang = int(at.removeprefix("c")), side == "after", bang
        self.sql = ""
        """What it went off at."""

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        return self._meet(sql, lambda: execute(sql, params, many, context), counts=not self._commits)

    def laid(self) -> ExitStack:
        stack = ExitStack()
        commit = connection._commit  # type: ignore[attr-defined]
        connection._commit = lambda: self._meet("COMMIT", commit, counts=self._commits)  # type: ignore[attr-defined]
        stack.callback(setattr, connection, "_commit", commit)
        stack.enter_context(connection.execute_wrapper(self))
        return stack

    def _meet(self, sql: str, do: Callable[[], Any], *, counts: bool) -> Any:
        if sql.startswith("BEGIN") and self._after:  # Django would not know that it began
            return do()
        self._left -= counts
        now = counts and self._left == 0
        if now and not self._after:
            self._go_off(sql)
        done = do()
        if now:
            self._go_off(sql)
        return done

    def _go_off(self, sql: str) -> None:
        self.sql = sql
        self._bang()


def fail() -> None:
    raise Crash


@cache
def tables() -> list[str]:
    """The product's own."""
    found = connection.introspection.table_names()
    return [name for name in found if name.startswith(("bookings_", "accounts_", "stations_")) and name != COUNTERS]


def rows() -> dict[str, list[str]]:
    """Every row of every table of the product's, as the database has it."""
    found = {}
    with connection.cursor() as cursor:
        for table in tables():
            cursor.execute(f"SELECT * FROM {table}")
            found[table] = sorted(repr(row) for row in cursor.fetchall())
    return found


def picture() -> list[list[Any]]:
    """What a deed comes to, without what is another each time: ids, instants, ciphertext."""
    of_booking = ("external_ref", "station__code", "date", "slot", "slots", "status", "version", "needs_place")
    return [
        sorted(map(repr, found))
        for found in (
            Booking.objects.values_list(*of_booking),
            Hold.objects.values_list("booking__external_ref", "station__code", "date", "slot", "lane", "capacity"),
            Mail.objects.values_list(
                "booking__external_ref", "station__code", "kind", "state", "problem", "known", "said"
            ),
            AuditEntry.objects.values_list("station__code", "number", "event"),
            Customer.objects.values_list("station__code"),
            Station.objects.values_list("code", "changes"),
            ImportedRow.objects.values_list("booking__external_ref"),
        )
    ]


def disagreements() -> list[str]:
    """Where bookings, ledger and timetables, or the trail and its seals, do not agree."""
    return [str(found) for found in (*differences(), *verification.faults())]


if __name__ == "__main__":
    run.BATCH_SIZE = 2  # type: ignore[misc]  # so that a file of three rows takes two transactions
    do = DEEDS[sys.argv[1]]
    for line in sys.stdin:
        connections.close_all()
        if not (child := os.fork()):
            at, side = line.split()
            with Bomb(at, side, lambda: os.kill(os.getpid(), signal.SIGKILL)).laid():
                do()
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
