"""Calendars are read from a streaming replica, where one is configured and up to date, and otherwise from the primary."""

# A request has read its stations and their change counters on the primary. A counter grows in every transaction that
# changes what a calendar of its station shows. So a replica with the same counters has everything that they count: the
# user's own last write, and everybody else's. No session has to remember a write, and no clock is compared. The
# counters in the ETag are those of the server that the rows come from, read before the rows.

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar

from django.db import DEFAULT_DB_ALIAS, Error, connections, models, transaction

from accounts.rls import session
from stations.access import Counter, Person
from stations.models import Station

log = logging.getLogger(__name__)

REPLICA: Final = "replica"
RETRY_SECONDS: Final = 10
"""How long a replica that failed is not asked. Then one request tries it, and the others still do not wait for it."""
REPLICATED_APPS: Final = ("stations", "bookings")
"""Apps whose tables are read from the replica. Who may see them is read from the primary: it knows of revoked access at once."""

Result = TypeVar("Result")

_alias: ContextVar[str] = ContextVar("alias", default=DEFAULT_DB_ALIAS)


def alias() -> str:
    """Return the alias of the connection that calendars are read from in this context, for raw SQL; the ORM has the router."""
    return _alias.get()


class Router:
    """Sends reads inside `read_from_replica` to the replica, all other reads and all writes to the primary."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str:
        return alias() if model._meta.app_label in REPLICATED_APPS else DEFAULT_DB_ALIAS

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: models.Model, other: models.Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS


def read_from_replica(person: Person, stations: Sequence[Station | Counter], read: Callable[[], Result]) -> Result:
    """Return the result of `read`, called with the replica as its database if the replica is as new as the stations.

    The stations must have been read on the primary. `read` must not write, and may be called twice: if the replica fails
    meanwhile, it is called again on the primary.
    """
    if stations and REPLICA in connections and _circuit_breaker.allows_request():
        try:
            with _replica_transaction(person, stations) as is_up_to_date:
                _circuit_breaker.close()
                if is_up_to_date:
                    return read()
        except Error as error:
            _circuit_breaker.open()
            connections[REPLICA].close()
            log.warning("The replica does not answer (%s): the primary does.", type(error.__cause__ or error).__name__)
    return read()


@contextmanager
def _replica_transaction(person: Person, stations: Sequence[Station | Counter]) -> Iterator[bool]:
    """Open a transaction with row-level security on the replica; yield whether the replica is as new as the stations."""
    counters = {station.pk: station.changes for station in stations}
    with transaction.atomic(using=REPLICA):
        with connections[REPLICA].cursor() as cursor:
            cursor.execute(*session.statement_for(person, counters))
        replicated = Station.objects.using(REPLICA).filter(pk__in=counters).values_list("pk", "changes")
        is_up_to_date = dict(replicated) == counters
        token = _alias.set(REPLICA if is_up_to_date else DEFAULT_DB_ALIAS)
        try:
            yield is_up_to_date
        finally:
            _alias.reset(token)


class CircuitBreaker:
    """Keeps this process from asking a replica that has just failed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open_until = -math.inf

    def allows_request(self) -> bool:
        """Whether to ask the replica. After the pause it is True for one caller, and starts the next pause for all others."""
        with self._lock:
            if self._open_until == -math.inf:
                return True
            if time.monotonic() < self._open_until:
                return False
            self._open_until = time.monotonic() + RETRY_SECONDS
            return True

    def open(self) -> None:
        """Start a pause, after a failure."""
        with self._lock:
            self._open_until = time.monotonic() + RETRY_SECONDS

    def close(self) -> None:
        """End the pause, after a success."""
        with self._lock:
            self._open_until = -math.inf


_circuit_breaker = CircuitBreaker()
