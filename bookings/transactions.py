"""One change, whole or not at all: the locks it takes, and what the database's refusals mean."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial, wraps
from typing import ParamSpec, TypeVar
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from bookings import audit
from bookings.errors import Duplicate, SlotFull, Stale
from bookings.models import Booking
from stations import meters
from stations.errors import DomainError, DoubleException, NotFound
from stations.models import Station
from stations.querysets import Person

P = ParamSpec("P")
R = TypeVar("R")

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
            with meters.waiting("database") if _is_one_writer_s() else nullcontext():
                stack.enter_context(transaction.atomic())
            yield
    except IntegrityError as error:
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
                meters.BOOKINGS.labels(action, refusal.code).inc()
                raise
            transaction.on_commit(partial(_count, action, result))
            return result

        return call

    return decorate


def _count(action: str, result: object) -> None:
    for one in result if isinstance(result, list) else [result]:
        meters.BOOKINGS.labels(action, one.code if isinstance(one, DomainError) else "done").inc()


def locked(person: Person, booking_id: UUID, *, also: str | None = None) -> tuple[Booking, Station]:
    """The booking, read again with its station locked and that of code `also`, and the station it is wanted at.

    Raises NotFound for what the person may not see, and Stale where the booking went to another station before the lock was
    had: to go after it with one lock in hand would wait against the order of keys.
    """
    home = Booking.objects.station_of(booking_id)
    if home is None or not Station.objects.may_see(person, home):
        raise NotFound
    stations = lock_stations(person, pks=[home], codes=[also] if also is not None else [])
    booking = Booking.objects.by_id(booking_id)
    if booking is None or not Station.objects.may_see(person, booking.station_id):
        raise NotFound
    if booking.station_id != home:
        raise stale(booking)
    booking.station = next(station for station in stations if station.pk == booking.station_id)
    return booking, next((station for station in stations if station.code == also), booking.station)


def stale(booking: Booking) -> Stale:
    """The refusal for a booking changed meanwhile, with who did what."""
    return Stale(data=Stale.Meanwhile(booking, audit.last_line(booking)))


def lock_stations(person: Person, *, codes: Iterable[str] = (), pks: Iterable[int] = ()) -> list[Station]:
    """These stations, locked in key order. Raises NotFound where the person does not see each of them."""
    codes, pks = set(codes), set(pks)
    wanted = Q(pk__in=pks) | Q(code__in=codes) if codes else Q(pk__in=pks)
    with meters.waiting("station"):
        found = list(Station.objects.visible_to(person).filter(wanted).locked())
    if codes - {station.code for station in found} or pks - {station.pk for station in found}:
        raise NotFound
    return found
