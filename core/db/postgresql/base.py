"""Django's PostgreSQL, but that a connection's health is looked at rather than asked for, that statements may go together, and
that plain ones use their cursors again.

Django asks `SELECT 1` before the first statement of each request. A server that has gone away, or is about to, has said so on the
connection's socket by then: nothing to read there means nothing happened.
"""

import select
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.utils import CursorWrapper
from psycopg import Connection, Error, Pipeline
from psycopg.generators import send
from psycopg.pq import TransactionStatus


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._until_commit = ExitStack()
        """The piece that goes out with a COMMIT; empty unless one was left open for it."""
        self._cursors: list[CursorWrapper] = []
        """Of this connection, at nobody's hand."""
        self._unanswered: list[CursorWrapper] = []
        """Given back, but what they were used for is still to be sent."""

    def lend(self) -> CursorWrapper:
        """A cursor like any other, to be given back once its answer was read, or never: to make one takes as long as to send a
        statement. Where queries are logged each is new, for Django makes it then what logs."""
        self.close_if_health_check_failed()
        return self.cursor() if self.queries_logged or not self._cursors else self._cursors.pop()

    def take_back(self, cursor: CursorWrapper) -> None:
        """Its answer was read, or is wanted by nobody. One that logs is not kept."""
        if cursor.cursor.connection is self.connection and type(cursor) is CursorWrapper:
            (self._unanswered if self.connection._pipeline else self._cursors).append(cursor)

    def is_usable(self) -> bool:
        """Whether the connection may be used: the server has said nothing since the last answer, or still answers."""
        if self.connection is None or self.connection.closed:
            return False
        said_something, _write, _error = select.select([self.connection.fileno()], [], [], 0)
        return not said_something or super().is_usable()

    @contextmanager
    def in_one_go(self, *, to_the_commit: bool = False) -> Iterator[None]:
        """What is executed inside is sent at its end, or where an answer is looked at, with the BEGIN that may be due. Outside of
        a transaction all of it is one. Where one part fails, the server looks at none behind it. One in another is part of it.

        With `to_the_commit` it goes out with the COMMIT that comes next, where one does: whoever says so executes nothing more.
        """
        self.ensure_connection()
        with self.wrap_database_errors:
            if self.connection._pipeline:
                yield
                return
            self.connection._pipeline = pipeline = _OnePiece(self.connection)
            with ExitStack() as stack:
                stack.push(partial(self._piece_is_over, self.connection))
                stack.enter_context(pipeline)
                yield
                if to_the_commit and len(self.atomic_blocks) == 1 and self.commit_on_exit:
                    self._until_commit = stack.pop_all()

    def _piece_is_over(self, connection: Connection[Any], failed: type | None, *_how: Any) -> None:
        connection._pipeline = None
        if not failed:
            self._cursors += self._unanswered
        self._unanswered = []

    def _commit(self) -> None:
        with self._left_open():
            super()._commit()  # type: ignore[misc]

    def _rollback(self) -> None:
        self._drop_what_was_left_open()
        super()._rollback()  # type: ignore[misc]

    def _close(self) -> None:
        self._cursors, self._unanswered = [], []
        self._drop_what_was_left_open()
        super()._close()  # type: ignore[misc]

    def _drop_what_was_left_open(self) -> None:
        with suppress(Error):
            self._left_open().close()

    def _left_open(self) -> ExitStack:
        stack, self._until_commit = self._until_commit, ExitStack()
        return stack


class _OnePiece(Pipeline):
    """psycopg's own pipeline sends each part as it comes, and looks each time whether an answer is there. With each look another
    thread takes the interpreter, which costs more than the statement."""

    is_settled = True
    """Nothing was given to libpq that is not answered and over."""

    def _communicate_gen(self) -> Generator[Any, Any, None]:
        """libpq keeps what it is given, for there is nobody who waits."""
        while self.command_queue:
            self.command_queue.popleft()()
            self.is_settled = False
        yield from ()

    def _sync_gen(self) -> Generator[Any, Any, None]:
        """psycopg waits for its BEGIN, but need not: it is the first part."""
        if self.pgconn.transaction_status == TransactionStatus.IDLE:
            yield from self._communicate_gen()
        else:
            yield from self._exit_gen()

    def _exit_gen(self) -> Generator[Any, Any, None]:
        """It is over, once: after a COMMIT nothing is left to be said."""
        if self.is_settled:
            return
        self._enqueue_sync()
        yield from self._communicate_gen()
        self.is_settled = True
        yield from send(self.pgconn)
        yield from self._fetch_gen(flush=False)
