"""Writes log lines from a thread of its own, so that a log that cannot be written neither delays nor fails what is logged."""

import os
import select
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Event, RLock, Thread
from typing import Final
from weakref import WeakSet

MAX_PENDING_BYTES: Final = 4 * 1024 * 1024
RETRY_SECONDS: Final = 1.0
"""How often a log that failed is tried again while nothing is logged."""
FLUSH_SECONDS: Final = 1.0
"""How long a process that ends waits for a log that is not read."""


class LogWriter:
    """Lines go to a file descriptor in the order of `write`, which never blocks and never raises.

    A line is dropped where `max_pending_bytes` of earlier lines have not been taken yet, or where writing it fails. Once
    the log can be written again, the line that `notice` makes of the number of dropped lines is written. `on_drop` is
    called with the number of lines, from any thread.
    """

    def __init__(self, fd: int, notice: Callable[[int], str], *, max_pending_bytes: int = MAX_PENDING_BYTES) -> None:
        self.on_drop: Callable[[int], object] = lambda count: None
        self._fd = fd
        self._notice = notice
        self._max_pending_bytes = max_pending_bytes
        self.reset()
        _writers.add(self)

    def reset(self) -> None:
        """Forget all lines. After a fork, the parent writes those of the parent, and its thread is not there."""
        self._lock = RLock()  # a signal handler may log while its thread is in `write`
        self._queue: SimpleQueue[bytes | Event] = SimpleQueue()
        self._thread: Thread | None = None
        self._pending_bytes = 0
        self._unreported = 0
        self._is_torn = False

    def write(self, line: str) -> None:
        data = line.encode(errors="backslashreplace") + b"\n"
        with self._lock:
            if self._pending_bytes + len(data) <= self._max_pending_bytes and self._is_running():
                self._pending_bytes += len(data)
                self._queue.put(data)
                return
        self._drop()

    def flush(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Wait until all lines are written or dropped, at most so many seconds. Returns whether they are."""
        if self._thread is None:
            return True
        is_done = Event()
        self._queue.put(is_done)
        return is_done.wait(seconds)

    def _is_running(self) -> bool:
        """Start the thread where it is not there yet. None can be started while the interpreter ends."""
        if self._thread is None:
            thread = Thread(target=self._run, name="log-writer", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._thread = thread
        return True

    def _run(self) -> None:
        while True:
            try:
                item = self._queue.get(timeout=RETRY_SECONDS if self._unreported else None)
            except Empty:
                self._report_drops()
                continue
            if isinstance(item, Event):
                self._report_drops()
                item.set()
            else:
                self._write_line(item)

    def _write_line(self, data: bytes) -> None:
        is_written = self._send(data)
        with self._lock:
            self._pending_bytes -= len(data)
        if not is_written:
            self._drop()
        elif self._queue.empty():
            self._report_drops()

    def _drop(self) -> None:
        with self._lock:
            self._unreported += 1
        self.on_drop(1)

    def _report_drops(self) -> None:
        count = self._unreported
        if count and self._send(self._notice(count).encode() + b"\n"):
            with self._lock:
                self._unreported -= count

    def _send(self, data: bytes) -> bool:
        """Whether all of it was written. One call a line, so that the lines of processes that share a pipe stay whole."""
        left = memoryview(b"\n" + data if self._is_torn else data)
        size = len(left)
        while left:
            try:
                left = left[os.write(self._fd, left) :]
            except BlockingIOError:  # another process has made the shared pipe or terminal non-blocking
                _wait_until_writable(self._fd)
            except OSError:
                self._is_torn = self._is_torn or len(left) < size
                return False
        self._is_torn = False
        return True


def _wait_until_writable(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    poll.poll()


_writers: Final[WeakSet[LogWriter]] = WeakSet()


def _reset_all() -> None:
    for writer in _writers:
        writer.reset()


os.register_at_fork(after_in_child=_reset_all)
