"""The transaction of a change: its locks, its metrics, and the errors that the database's constraints stand for."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial, wraps
from typing import Final, ParamSpec, TypeVar
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from accounts.audit.models import LockedChains
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

# Creating a queryset takes as long as sending a statement.
_BOOKINGS: Final = Booking.objects.all()
_STATIONS: Final = Station.objects.all()

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_ERRORS_BY_CONSTRAINT: tuple[tuple[str, type[DomainError]], ...] = (
    ("bookings_hold", SlotFull),
    ("hold_", SlotFull),
    ("booking_reference_once_a_station", Duplicate),
    ("bookings_booking.external_ref", Duplicate),
    ("exception_one_for_a_", DoubleException),
    ("stations_timetableexception.date", DoubleException),
)
"""Part of the database's message, and the error it becomes: PostgreSQL names the constraint, SQLite its columns.

The services check these rules first, under the lock; the constraints stop whatever writes without it.
"""


@contextmanager
def atomic_change() -> Iterator[None]:
    """Open a transaction (inside another: a savepoint) and turn violated constraints into domain errors."""
    try:
        with ExitStack() as stack:
            with metrics.time_lock_wait("database") if _waits_for_writer() else nullcontext():
                stack.enter_context(transaction.atomic())
            yield
    except IntegrityError as error:
        metrics.count_database_error(error)
        text = str(error)
        for name, error_class in _ERRORS_BY_CONSTRAINT:
            if name in text:
                raise error_class from error
        raise


def _waits_for_writer() -> bool:
    """Whether beginning a transaction waits for other writers: SQLite has one writer at a time."""
    return connection.vendor == "sqlite" and not connection.in_atomic_block


def record_metrics(action: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Count the calls of a service by outcome: "done" once committed, or the code of the domain error."""

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


def lock_booking(person: Person, booking_id: UUID) -> tuple[Booking, Station, LockedChains]:
    """Lock the booking's station and read the booking. Returns the booking, its station and the station's audit chain.

    Raises NotFound for what the person may not see, and Stale if the booking was moved to another station before the lock was
    taken. It is not followed there: locking a second station out of key order could deadlock.
    """
    booking, station, chains, _prefetched = lock_booking_and_target(person, booking_id, None, lambda at: None)
    return booking, station, chains


def lock_booking_and_target(
    person: Person, booking_id: UUID, target_code: str | None, prefetch: Callable[[sql.Key], T]
) -> tuple[Booking, Station, LockedChains, T]:
    """Lock the booking's station and, if `target_code` names another, that one too; None stands for the booking's own.

    `prefetch` is called with a reference to the target station, so that its queries share the lock's round trip. Returns the
    booking, the target station, the audit chains of both stations, and what `prefetch` returned. Raises as `lock_booking` does.
    """
    origin = _BOOKINGS.station_of(booking_id)  # before it is locked, so the booking is read again under the lock
    target = origin if target_code is None else _STATIONS.key_of_code(target_code)
    with metrics.time_lock_wait("station"), sql.pipeline():
        lock = _STATIONS.submit_lock(person, origin, target)
        read_booking = _BOOKINGS.submit_one(booking_id)
        prefetched = prefetch(target)
        chains = LockedChains(origin, target)
    stations, booking = {station.pk: station for station in lock()}, next(iter(read_booking()), None)
    if booking is None:
        raise NotFound
    if booking.station_id not in stations:
        raise stale(booking, person) if Station.objects.may_see(person, booking.station_id) else NotFound
    booking.station = stations[booking.station_id]
    note_station(booking.station_id)
    for station in stations.values():
        if target_code in (None, station.code):
            return booking, station, chains, prefetched
    raise NotFound


def stale(booking: Booking, person: Person) -> Stale:
    """The error for a booking that was changed meanwhile, with the last change as far as the person may see it."""
    return Stale(data=Stale.Meanwhile(booking, audit.last_line(booking, person)))


def lock_stations(person: Person, *, codes: Iterable[str] = (), pks: Iterable[int] = ()) -> list[Station]:
    """Lock these stations in key order. Raises NotFound unless the person may see all of them."""
    codes, pks = set(codes), set(pks)
    keys = [*pks, *map(_STATIONS.key_of_code, codes)]
    with metrics.time_lock_wait("station"):
        found = _STATIONS.submit_lock(person, *keys)()
    if codes - {station.code for station in found} or pks - {station.pk for station in found}:
        raise NotFound
    for station in found[:1]:
        note_station(station.pk)
    return found
