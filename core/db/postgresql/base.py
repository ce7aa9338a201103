"""Django's PostgreSQL backend with pipelined statements, reusable cursors and a health check without a round trip."""

import select
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.utils import CursorWrapper
from psycopg import Connection, Error, Pipeline
from psycopg.generators import send
from psycopg.pq import PipelineStatus, TransactionStatus


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pipeline_until_commit = ExitStack()
        """Ends a pipeline that was left open for the COMMIT; empty if there is none."""
        self._free_cursors: list[CursorWrapper] = []
        self._unflushed_cursors: list[CursorWrapper] = []
        """Released, but their statements have not been executed yet."""

    def acquire_cursor(self) -> CursorWrapper:
        """A cursor to be given back to `release_cursor` once its result was read: creating one takes as long as a statement.

        With query logging each cursor is new, because Django decides on creation whether it logs.
        """
        self.close_if_health_check_failed()
        return self.cursor() if self.queries_logged or not self._free_cursors else self._free_cursors.pop()

    def release_cursor(self, cursor: CursorWrapper) -> None:
        if cursor.cursor.connection is self.connection and type(cursor) is CursorWrapper:
            (self._unflushed_cursors if self._is_pipelining() else self._free_cursors).append(cursor)

    def is_usable(self) -> bool:
        """Check the connection's health without a query, which Django would send before the first statement of each request.

        A server that closed the connection, or is about to, has sent something: if the socket has nothing to read, it is healthy.
        """
        if self.connection is None or self.connection.closed:
            return False
        readable, _writable, _exceptional = select.select([self.connection.fileno()], [], [], 0)
        return not readable or super().is_usable()

    @contextmanager
    def pipeline(self, *, flush_on_commit: bool = False) -> Iterator[None]:
        """Send the statements of the block together, with the BEGIN that is due, at its end or where a result is read.

        Outside a transaction they are one implicit transaction. After an error the server skips the rest of the pipeline.
        A nested pipeline is part of the outer one. With `flush_on_commit`, inside the outermost `atomic` block, they are sent
        with the COMMIT: nothing else may be executed before it.
        """
        self.ensure_connection()
        with self.wrap_database_errors:
            if self._is_pipelining():
                yield
                return
            with ExitStack() as stack:
                stack.push(self._free_flushed_cursors)
                stack.enter_context(BufferedPipeline(self.connection))
                yield
                if flush_on_commit and len(self.atomic_blocks) == 1 and self.commit_on_exit:
                    self._pipeline_until_commit = stack.pop_all()

    def _is_pipelining(self) -> bool:
        return bool(self.connection.pgconn.pipeline_status != PipelineStatus.OFF)

    def _free_flushed_cursors(self, failed: type[BaseException] | None, *_error: object) -> None:
        if not failed:
            self._free_cursors += self._unflushed_cursors
        self._unflushed_cursors = []

    def _commit(self) -> None:
        with self._take_open_pipeline():
            super()._commit()  # type: ignore[misc]

    def _rollback(self) -> None:
        self._abandon_open_pipeline()
        super()._rollback()  # type: ignore[misc]

    def _close(self) -> None:
        self._free_cursors, self._unflushed_cursors = [], []
        self._abandon_open_pipeline()
        super()._close()  # type: ignore[misc]

    def _abandon_open_pipeline(self) -> None:
        with suppress(Error):
            self._take_open_pipeline().close()

    def _take_open_pipeline(self) -> ExitStack:
        stack, self._pipeline_until_commit = self._pipeline_until_commit, ExitStack()
        return stack


class BufferedPipeline(Pipeline):
    """A psycopg pipeline that sends nothing until a result is needed.

    psycopg's own sends each statement as it comes and polls for results. Each poll releases the GIL, and with several threads
    getting it back costs more than the statement. The two private names that this relies on, `Connection._pipeline` and
    `Pipeline._communicate_gen`, are checked by `tests/core/db/test_pipeline.py`.
    """

    def __init__(self, connection: Connection[Any]) -> None:
        super().__init__(connection)
        self._connection = connection
        self._is_synced = True

    def __enter__(self) -> "BufferedPipeline":
        self._connection._pipeline = self
        super().__enter__()
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self.result_queue or not self._is_synced:
                super().__exit__(kind, error, traceback)
            else:  # as after a COMMIT, which waits for all results: a sync would be another round trip
                self.pgconn.exit_pipeline_mode()
        finally:
            self._connection._pipeline = None

    def _begin(self) -> None:
        """Begin the transaction that is due. psycopg would do so before the first statement, and wait for it.

        Without the sync, libpq would not know afterwards that it is in a transaction.
        """
        is_due = not self._connection.autocommit and self.pgconn.transaction_status == TransactionStatus.IDLE
        if is_due and self._connection.isolation_level is None:
            self.pgconn.send_query_params(b"BEGIN", None)
            self.pgconn.pipeline_sync()
            self.result_queue.extend((None, None))

    def _communicate_gen(self) -> Generator[Any, Any, None]:
        """Hand the queued statements to libpq, which buffers them until a sync."""
        while self.command_queue:
            command = self.command_queue.popleft()
            command()
            self._is_synced = command == self.pgconn.pipeline_sync
        if self._is_synced:
            yield from send(self.pgconn)
