"""The second wall between stations: on PostgreSQL the database itself shows a request nothing but its person's stations.

The first is `visible_to`. Should a query forget it, row-level security (`accounts.rls.policies`) leaves out the rows of
others all the same. For this a request takes on a role that may not bypass it, together with its stations, in the statement
that opens each of its transactions: `set_config(…, true)` ends with the transaction, so that a connection carries nothing
over to whoever gets it next, PgBouncer's included. SQLite has no such thing: there the first wall stands alone.

That statement goes out together with the one that it is for, in a pipeline. To PostgreSQL all that is sent in one, up to its end,
is one transaction: what stands by itself needs neither BEGIN nor COMMIT, and where the first fails, the other is not looked at.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Final, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.http import HttpRequest
from psycopg import ServerCursor
from psycopg.pq import TransactionStatus

from accounts.models import User
from core.db import sql as statements
from stations.access import ALL_STATIONS, scope_of

MEMBER: Final = "stationbook_member"
"""The role of whoever has some stations, or none."""
EVERYWHERE: Final = "stationbook_everywhere"
"""The role of whoever has all of them."""
WORK: Final = "stationbook_work"
"""The role of commands and workers, which the database's user has from the start."""
STATIONS: Final = "stationbook.stations"
"""The setting that names the stations of a transaction by their keys, with commas between."""

PERSON: Final = "stationbook.person"
"""The setting that names the person, for what is theirs whatever its station."""

_BELONGS: Final = User.stations.through._meta.db_table
_HAS: Final = (
    f"SELECT string_agg(station_id::text, ',') FROM {_BELONGS}"  # noqa: S608
    " WHERE user_id = %s AND (%s::bigint[] IS NULL OR station_id = ANY (%s))"
)
_RAISE: Final = (
    f"SELECT set_config('{PERSON}', %s, true), set_config('{STATIONS}', coalesce(({_HAS}), ''), true),"
    " set_config('role', %s, true)"
)
_RAISE_FOR_NAMED: Final = (
    f"SELECT set_config('{PERSON}', %s, true), set_config('{STATIONS}', %s, true), set_config('role', %s, true)"
)
_LOWER: Final = (_RAISE_FOR_NAMED, ["", "", "none"])

Statement = tuple[str, list[Any]]
View = TypeVar("View", bound=Callable[..., Any])

_wall: ContextVar["_Wall | None"] = ContextVar("wall", default=None)


@contextmanager
def around(request: HttpRequest) -> Iterator[None]:
    """While this request is served, whatever it asks the database stands behind the wall, once `stand_before` has said whose."""
    with _standing(reads=request.method in ("GET", "HEAD", "OPTIONS")):
        yield


def stand_before(person: Any) -> None:
    """From here on the request sees this person's stations: none for whoever is not signed in."""
    wall = _wall.get()
    if wall:
        wall.show(_statement(person))


def behind(pieces: Iterable[Any]) -> Iterator[Any]:
    """An answer that is read bit by bit, after its request: behind the wall of the request that it was made by."""
    wall = _wall.get()
    return _behind(pieces, wall.statement if wall else None)


def _behind(pieces: Iterable[Any], statement: Statement | None) -> Iterator[Any]:
    with _standing(reads=True) as wall:
        if wall and statement:
            wall.show(statement)
        yield from pieces


@contextmanager
def _standing(*, reads: bool) -> "Iterator[_Wall | None]":
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "postgresql":
        yield None
        return
    with ExitStack() as stack:
        wall = _Wall(connection, stack, reads=reads)
        _wall.set(wall)
        stack.callback(_wall.set, None)
        stack.callback(wall.lower)
        stack.enter_context(connection.execute_wrapper(wall))
        yield wall


def named(person: Any, stations: Iterable[int]) -> Statement:
    """What opens a transaction on another connection than the request's own: of this person's stations, those of these keys."""
    return _RAISE_FOR_NAMED, [str(person.pk), ",".join(map(str, sorted(stations))), MEMBER]


@contextmanager
def limited_to(stations: Iterable[int]) -> Iterator[None]:
    """Inside, the request sees the stations of these keys, which its person was found to have, even if they lose one meanwhile.

    For what the process keeps for others too: it must not depend on who happened to ask first.
    """
    wall = _wall.get()
    before = wall.statement if wall else None
    if wall is None or before is None:
        yield
        return
    wall.show((_RAISE_FOR_NAMED, ["", ",".join(map(str, sorted(stations))), MEMBER]))
    try:
        yield
    finally:
        wall.show(before)


def knows_its_people(view: View) -> View:
    """For a view to which nobody comes with a session: it tells `stand_before` who it is, before it asks for anything else."""
    view.knows_its_people = True  # type: ignore[attr-defined]
    return view


class _Wall:
    """Opens each transaction of a request by the statement that takes on role and stations."""

    def __init__(self, connection: Any, stack: ExitStack, *, reads: bool) -> None:
        self._connection = connection
        self._stack = stack
        self._reads = reads
        self.statement: Statement | None = None
        self._raised_in: list[str] | None = None
        """The savepoints around the statement: while they are not rolled back, it holds."""
        self._is_to_lower = False
        """Whether any statement was sent, and holds until the transaction ends."""
        self._busy = False

    def show(self, statement: Statement) -> None:
        self.statement, self._raised_in = statement, None

    def lower(self) -> None:
        """A transaction that others began goes on as it was."""
        if self._is_to_lower and self._status() == TransactionStatus.INTRANS:
            self._execute(*_LOWER)
        self.statement = None

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if self._busy or self.statement is None or self._stands():
            return execute(sql, params, many, context)
        self._raised_in = None
        with self._together(context["cursor"].cursor):
            self._execute(*self.statement)
            done = execute(sql, params, many, context)
        if self._connection.in_atomic_block:
            self._raised_in = list(self._connection.savepoint_ids)
            self._is_to_lower = True
        return done

    def _stands(self) -> bool:
        """Whether it holds here; or the transaction is broken, and asks nothing any more."""
        status, within = self._status(), self._raised_in
        raised = within is not None and within == self._connection.savepoint_ids[: len(within)]
        return (raised and status != TransactionStatus.IDLE) or status == TransactionStatus.INERROR

    @contextmanager
    def _together(self, cursor: Any) -> Iterator[None]:
        """One transaction around what is inside, sent in one go; not so for a cursor of the server's, to which a read comes back
        until it is over."""
        if not isinstance(cursor, ServerCursor):
            with self._connection.in_one_go():
                yield
            return
        if self._reads and not self._connection.in_atomic_block:
            self._stack.enter_context(transaction.atomic())
        with nullcontext() if self._connection.in_atomic_block else transaction.atomic():
            yield

    def _execute(self, sql: str, values: list[Any]) -> None:
        self._busy = True
        try:
            statements.send(sql, values)
        finally:
            self._busy = False

    def _status(self) -> int:
        if self._connection.connection is None:
            self._connection.ensure_connection()
        status: int = self._connection.connection.pgconn.transaction_status
        return status


def _statement(person: Any) -> Statement:
    if not getattr(person, "is_active", False) or person.pk is None:
        return _RAISE_FOR_NAMED, ["", "", MEMBER]
    scope = scope_of(person)
    key, only = str(person.pk), sorted(scope.stations) if scope else None
    if not person.has_perm(ALL_STATIONS):
        return _RAISE, [key, person.pk, only, only, MEMBER]
    return _RAISE_FOR_NAMED, [key, *(["", EVERYWHERE] if only is None else [",".join(map(str, only)), MEMBER])]
