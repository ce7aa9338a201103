"""Row-level security on PostgreSQL during a request: the database shows only the rows of the user's stations.

This backs up the filtering of querysets (`visible_to`): if a query forgets that filter, the policies of `accounts.rls.policies`
still leave out the rows of other stations. The first statement of each transaction takes on a role that cannot bypass the
policies, and sets the user's stations with `set_config(…, true)`. These settings end with the transaction, so a connection
carries nothing over to the next request, not even through PgBouncer. SQLite has no row-level security.

That first statement is sent in one pipeline with the statement that it precedes. PostgreSQL runs everything up to the end of a
pipeline as one transaction, so a single read needs neither BEGIN nor COMMIT, and is not run if the first statement fails.
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

MEMBER_ROLE: Final = "stationbook_member"
"""The role of users who have some stations, or none."""
ALL_STATIONS_ROLE: Final = "stationbook_everywhere"
"""The role of users who have every station."""
WORKER_ROLE: Final = "stationbook_work"
"""The role of commands and workers. The database's user belongs to it from the start."""
STATIONS_SETTING: Final = "stationbook.stations"
"""The setting that holds the primary keys of the transaction's stations, separated by commas."""
USER_SETTING: Final = "stationbook.person"
"""The setting that holds the user's primary key, for rows that are theirs whatever the station."""

_MEMBERSHIPS: Final = User.stations.through._meta.db_table
_STATIONS_OF_USER: Final = (
    f"SELECT string_agg(station_id::text, ',') FROM {_MEMBERSHIPS}"  # noqa: S608
    " WHERE user_id = %s AND (%s::bigint[] IS NULL OR station_id = ANY (%s))"
)
_ACTIVATE_FOR_USER: Final = (
    f"SELECT set_config('{USER_SETTING}', %s, true),"
    f" set_config('{STATIONS_SETTING}', coalesce(({_STATIONS_OF_USER}), ''), true), set_config('role', %s, true)"
)
_ACTIVATE: Final = (
    f"SELECT set_config('{USER_SETTING}', %s, true), set_config('{STATIONS_SETTING}', %s, true),"
    " set_config('role', %s, true)"
)
_DEACTIVATE: Final = (_ACTIVATE, ["", "", "none"])

Statement = tuple[str, list[Any]]
View = TypeVar("View", bound=Callable[..., Any])

_current: ContextVar["_RlsSession | None"] = ContextVar("rls_session", default=None)


@contextmanager
def rls_session(request: HttpRequest) -> Iterator[None]:
    """Subject the queries of this request to row-level security, from the first call of `activate` on."""
    with _open_session(reads=request.method in ("GET", "HEAD", "OPTIONS")):
        yield


def activate(user: Any) -> None:
    """Limit the request to the user's stations from here on; to no station if they are anonymous."""
    session = _current.get()
    if session:
        session.use(_statement(user))


def wrap_stream(pieces: Iterable[Any]) -> Iterator[Any]:
    """Subject a streamed response, which is read after its request, to the row-level security of that request."""
    session = _current.get()
    return _read_stream(pieces, session.statement if session else None)


def _read_stream(pieces: Iterable[Any], statement: Statement | None) -> Iterator[Any]:
    with _open_session(reads=True) as session:
        if session and statement:
            session.use(statement)
        yield from pieces


@contextmanager
def _open_session(*, reads: bool) -> "Iterator[_RlsSession | None]":
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "postgresql":
        yield None
        return
    with ExitStack() as stack:
        session = _RlsSession(connection, stack, reads=reads)
        _current.set(session)
        stack.callback(_current.set, None)
        stack.callback(session.deactivate)
        stack.enter_context(connection.execute_wrapper(session))
        yield session


def statement_for(user: Any, stations: Iterable[int]) -> Statement:
    """The first statement of a transaction on another connection: limits it to these of the user's stations."""
    return _ACTIVATE, [str(user.pk), ",".join(map(str, sorted(stations))), MEMBER_ROLE]


@contextmanager
def limited_to(stations: Iterable[int]) -> Iterator[None]:
    """Limit the request to the stations with these primary keys, which its user was found to have.

    For data that the process caches for several users: it must not depend on who asked first, nor change if that user loses a
    station meanwhile.
    """
    session = _current.get()
    before = session.statement if session else None
    if session is None or before is None:
        yield
        return
    session.use((_ACTIVATE, ["", ",".join(map(str, sorted(stations))), MEMBER_ROLE]))
    try:
        yield
    finally:
        session.use(before)


def authenticates_itself(view: View) -> View:
    """Mark a view that does not use browser sessions: it calls `activate` itself, before it queries anything else."""
    view.authenticates_itself = True  # type: ignore[attr-defined]
    return view


class _RlsSession:
    """Runs the statement that sets role and stations before the first query of each transaction of a request."""

    def __init__(self, connection: Any, stack: ExitStack, *, reads: bool) -> None:
        self._connection = connection
        self._stack = stack
        self._reads = reads
        self.statement: Statement | None = None
        self._active_savepoints: list[str] | None = None
        """The savepoints that were open when the statement ran: it is in effect until one of them is rolled back."""
        self._must_deactivate = False
        """Whether the statement ran in a transaction that may outlast the request, as in tests."""
        self._busy = False

    def use(self, statement: Statement) -> None:
        self.statement, self._active_savepoints = statement, None

    def deactivate(self) -> None:
        """Put the role back in a transaction that was open before the request."""
        if self._must_deactivate and self._status() == TransactionStatus.INTRANS:
            self._execute(*_DEACTIVATE)
        self.statement = None

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if self._busy or self.statement is None or self._is_active():
            return execute(sql, params, many, context)
        self._active_savepoints = None
        with self._same_transaction(context["cursor"].cursor):
            self._execute(*self.statement)
            done = execute(sql, params, many, context)
        if self._connection.in_atomic_block:
            self._active_savepoints = list(self._connection.savepoint_ids)
            self._must_deactivate = True
        return done

    def _is_active(self) -> bool:
        """Whether the statement is in effect, or the transaction has failed and accepts no further queries."""
        status, within = self._status(), self._active_savepoints
        in_effect = within is not None and within == self._connection.savepoint_ids[: len(within)]
        return (in_effect and status != TransactionStatus.IDLE) or status == TransactionStatus.INERROR

    @contextmanager
    def _same_transaction(self, cursor: Any) -> Iterator[None]:
        """Run what is inside in one transaction, and in one pipeline unless the cursor is a server-side one.

        A server-side cursor is read after this block ends, so a read keeps its transaction open until the request ends.
        """
        if not isinstance(cursor, ServerCursor):
            with self._connection.pipeline():
                yield
            return
        if self._reads and not self._connection.in_atomic_block:
            self._stack.enter_context(transaction.atomic())
        with nullcontext() if self._connection.in_atomic_block else transaction.atomic():
            yield

    def _execute(self, sql: str, values: list[Any]) -> None:
        self._busy = True
        try:
            statements.execute(sql, values)
        finally:
            self._busy = False

    def _status(self) -> int:
        if self._connection.connection is None:
            self._connection.ensure_connection()
        status: int = self._connection.connection.pgconn.transaction_status
        return status


def _statement(user: Any) -> Statement:
    if not getattr(user, "is_active", False) or user.pk is None:
        return _ACTIVATE, ["", "", MEMBER_ROLE]
    scope = scope_of(user)
    pk, only = str(user.pk), sorted(scope.stations) if scope else None
    if not user.has_perm(ALL_STATIONS):
        return _ACTIVATE_FOR_USER, [pk, user.pk, only, only, MEMBER_ROLE]
    return _ACTIVATE, [pk, *(["", ALL_STATIONS_ROLE] if only is None else [",".join(map(str, only)), MEMBER_ROLE])]
