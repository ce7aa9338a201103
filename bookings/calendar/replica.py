"""Where a calendar is read: a streaming replica, where one is configured and as new as what was asked for, else the primary.

How new is said by what the ETags are made of. A request has read its stations on the primary, with their counters, which grow
in every transaction that changes what a calendar shows. Where the replica tells the same counters, it holds all that they count:
what the person wrote a moment ago, and what anybody else did. So nobody is remembered, no clock is asked, nothing is shown late;
and the counters in the answer's ETag are those of the server that the rows come from, read there before the rows.
"""

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
REST_SECONDS: Final = 10
"""For how long a replica that failed is asked nothing; then one request tries, and the others still do not wait for it."""
READ_THERE: Final = ("stations", "bookings")
"""The apps whose rows calendars show. Who may see them is asked of the primary: it alone knows what was just taken away."""

Found = TypeVar("Found")

_alias: ContextVar[str] = ContextVar("alias", default=DEFAULT_DB_ALIAS)


def alias() -> str:
    """The connection from which a calendar is read here and now; for SQL of one's own, as the router does for the ORM."""
    return _alias.get()


class Router:
    """Reads of what calendars show go where `near` sends them; all else, and whatever is written, to the primary."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str:
        return alias() if model._meta.app_label in READ_THERE else DEFAULT_DB_ALIAS

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: models.Model, other: models.Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS


def near(person: Person, stations: Sequence[Station | Counter], ask: Callable[[], Found]) -> Found:
    """What `ask` finds of these stations, read on the primary before, with their counters; `ask` reads and writes nothing.

    It may be asked twice: a replica that fails in the middle is no error for anybody.
    """
    if stations and REPLICA in connections and _rest.is_over():
        try:
            with _on_replica(person, stations) as as_new:
                _rest.end()
                if as_new:
                    return ask()
        except Error as error:
            _rest.begin()
            connections[REPLICA].close()
            log.warning("The replica does not answer (%s): the primary does.", type(error.__cause__ or error).__name__)
    return ask()


@contextmanager
def _on_replica(person: Person, stations: Sequence[Station | Counter]) -> Iterator[bool]:
    """A transaction on the replica, under row-level security, to read in if the replica is as new as these stations."""
    known = {station.pk: station.changes for station in stations}
    with transaction.atomic(using=REPLICA):
        with connections[REPLICA].cursor() as cursor:
            cursor.execute(*session.statement_for(person, known))
        counted = Station.objects.using(REPLICA).filter(pk__in=known).values_list("pk", "changes")
        as_new = dict(counted) == known
        token = _alias.set(REPLICA if as_new else DEFAULT_DB_ALIAS)
        try:
            yield as_new
        finally:
            _alias.reset(token)


class _Rest:
    """A pause for a replica that failed, in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = -math.inf

    def is_over(self) -> bool:
        """Whether to ask. While nobody knows whether the replica is back, one asks for all."""
        with self._lock:
            if self._until == -math.inf:
                return True
            if time.monotonic() < self._until:
                return False
            self._until = time.monotonic() + REST_SECONDS
            return True

    def begin(self) -> None:
        with self._lock:
            self._until = time.monotonic() + REST_SECONDS

    def end(self) -> None:
        with self._lock:
            self._until = -math.inf


_rest = _Rest()
