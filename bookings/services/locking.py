"""One change, whole or not at all: the locks it takes, and what the database's refusals mean."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial, wraps
from typing import Final, ParamSpec, TypeVar
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from accounts.audit.models import Chains
from bookings import audit
from bookings.errors import Duplicate, SlotFull, Stale
from bookings.models import Booking
from core import metrics
from core.db import sql
from core.errors import DomainError, NotFound
from core.log_context import note_station
from stations.access import Person
from stations.errors import DoubleException
from stations.models import Station

_HOME: Final = f"(SELECT station_id FROM {Booking._meta.db_table} WHERE id = %s)"  # noqa: S608
"""The station that a booking is at when it is asked for: the booking is read again once the lock is had."""
_OF_CODE: Final = f"(SELECT id FROM {Station._meta.db_table} WHERE code = %s)"  # noqa: S608

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_REFUSALS: tuple[tuple[str, type[DomainError]], ...] = (
    ("bookings_hold", SlotFull),
    ("hold_", SlotFull),
    ("booking_reference_once_a_station", Duplicate),
    ("bookings_booking.external_ref", Duplicate),
    ("exception_one_for_a_", DoubleException),
    ("stations_timetableexception.date", DoubleException),
)
"""By what the constraint is called: PostgreSQL names it, SQLite names its columns. The rules of bookings look first, so that
theirs are only met where somebody wrote past the lock."""


@contextmanager
def one_change() -> Iterator[None]:
    """A transaction of its own (a savepoint inside another): a constraint's refusal becomes the rule's own error."""
    try:
        with ExitStack() as stack:
            with metrics.waiting("database") if _is_one_writer_s() else nullcontext():
                stack.enter_context(transaction.atomic())
            yield
    except IntegrityError as error:
        metrics.failed(error)
        text = str(error)
        for name, refusal in _REFUSALS:
            if name in text:
                raise refusal from error
        raise


def _is_one_writer_s() -> bool:
    """SQLite has one writer, who waits for the others where a transaction begins."""
    return connection.vendor == "sqlite" and not connection.in_atomic_block


def counted(action: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Counts what becomes of each call of a service: that it was done, once that is committed, or the refusal's code."""

    def decorate(service: Callable[P, R]) -> Callable[P, R]:
        @wraps(service)
        def call(*args: P.args, **named: P.kwargs) -> R:
            try:
                result = service(*args, **named)
            except DomainError as refusal:
                metrics.BOOKINGS.labels(action, refusal.code).inc()
                raise
            transaction.on_commit(partial(_count, action, result))
            return result

        return call

    return decorate


def _count(action: str, result: object) -> None:
    for one in result if isinstance(result, list) else [result]:
        metrics.BOOKINGS.labels(action, one.code if isinstance(one, DomainError) else "done").inc()


def locked(person: Person, booking_id: UUID) -> tuple[Booking, Station, Chains]:
    """The booking, read again with its station locked, the station, and the chain of its trail.

    Raises NotFound for what the person may not see, and Stale where the booking went to another station before the lock was
    had: to go after it with one lock in hand would wait against the order of keys.
    """
    booking, station, chains, _nothing_more = locked_for(person, booking_id, None, lambda at: None)
    return booking, station, chains


def locked_for(
    person: Person, booking_id: UUID, code: str | None, ask: Callable[[sql.Key], T]
) -> tuple[Booking, Station, Chains, T]:
    """The same where the booking is wanted at the station of that code, which is locked too; None for its own. In one piece with
    the lock goes what `ask` asks of that station: it has no key to go by yet but a question. Returns the booking, that station,
    the chains of both trails, and what `ask` returned.
    """
    home: sql.Key = (_HOME, [booking_id])
    at: sql.Key = home if code is None else (_OF_CODE, [code])
    with metrics.waiting("station"), sql.together():
        either, keys = f"IN ({home[0]}, {at[0]})", [*home[1], *at[1]]
        lock = Station.objects.ask_to_lock(person, f"t.id {either}", keys)
        read_again = sql.ask_for(Booking, "t.id = %s", [booking_id])
        asked = ask(at)
        chains = Chains(f"t.station_id {either}", keys)
    stations, booking = {station.pk: station for station in lock()}, next(iter(read_again()), None)
    if booking is None:
        raise NotFound
    if booking.station_id not in stations:
        raise stale(booking, person) if Station.objects.may_see(person, booking.station_id) else NotFound
    booking.station = stations[booking.station_id]
    note_station(booking.station_id)
    for station in stations.values():
        if code in (None, station.code):
            return booking, station, chains, asked
    raise NotFound


def stale(booking: Booking, person: Person) -> Stale:
    """The refusal for a booking changed meanwhile, with who did what, as far as the person may know."""
    return Stale(data=Stale.Meanwhile(booking, audit.last_line(booking, person)))


def lock_stations(person: Person, *, codes: Iterable[str] = (), pks: Iterable[int] = ()) -> list[Station]:
    """These stations, locked in key order. Raises NotFound where the person does not see each of them."""
    codes, pks = set(codes), set(pks)
    by_key, keys = sql.among("t.id", pks)
    by_code, names = sql.among("t.code", codes)
    with metrics.waiting("station"):
        found = Station.objects.ask_to_lock(person, f"({by_key} OR {by_code})", [*keys, *names])()
    if codes - {station.code for station in found} or pks - {station.pk for station in found}:
        raise NotFound
    for station in found[:1]:
        note_station(station.pk)
    return found
