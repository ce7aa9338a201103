"""Keeps the parts of a server running: one that ends is started again, unless it fails again and again.

SIGTERM, SIGINT and SIGHUP stop all of it; SIGUSR1 ends one part after the other and starts it again, as for another release.
"""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from core.parent_death import is_alive
from core.process_metrics import RESTARTS
from server_lib.restart_policy import RestartPolicy

log = logging.getLogger(__name__)

RESTARTED_ON_REQUEST: Final = "A part of the server was asked to end and is started again."
RESTARTED: Final = "A part of the server ended unexpectedly and is started again."
GIVEN_UP: Final = "The server stops, for a part of it does not keep running."
POLL_SECONDS: Final = 0.1


@dataclass
class Part:
    """A command in the foreground, and how long it may take to end by itself after SIGTERM."""

    name: str
    command: list[str]
    stop_seconds: float
    restarts: RestartPolicy = field(default_factory=RestartPolicy)
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    starts_at: float = 0.0
    """When to start it again; by `time.monotonic`, as `started_at`."""
    kill_at: float | None = None
    """When to kill it if it has not ended; None while nobody has asked it to end."""
    former_groups: list[int] = field(default_factory=list)
    """Process groups of earlier starts. Web processes that lost their server go on for a while."""

    def start(self) -> None:
        """In a process group of its own, so that Ctrl-C reaches it through the supervisor alone: a server whose processes are
        all interrupted at once sometimes waits for itself."""
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(self.command, process_group=0)

    def ask_to_stop(self) -> None:
        if self.process:
            self.kill_at = time.monotonic() + self.stop_seconds
            self.process.terminate()

    def kill(self) -> None:
        for group in self.groups():
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    def groups(self) -> Iterator[int]:
        yield from self.former_groups
        if self.process:
            yield self.process.pid


class Supervisor:
    def __init__(self, parts: list[Part]) -> None:
        self._parts = parts
        self._is_asked_to_stop = False
        self._to_restart: list[Part] = []

    def run(self) -> int:
        """Return the exit status: 0 when a signal asked to stop, else that of the part which could not be kept running."""
        for wanted in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # Handled even where the caller ignores them, as shells do for what they start with `&`.
            signal.signal(wanted, self._ask_to_stop)
        signal.signal(signal.SIGUSR1, self._request_restart)
        try:
            while not self._is_asked_to_stop:
                self._restart_next()
                for part in self._parts:
                    status = self._keep_running(part)
                    if status is not None:
                        return status if status > 0 else 1
                time.sleep(POLL_SECONDS)
            return 0
        finally:
            stop(self._parts)

    def _ask_to_stop(self, _number: int, _frame: object) -> None:
        self._is_asked_to_stop = True

    def _request_restart(self, _number: int, _frame: object) -> None:
        self._to_restart = [*self._parts]

    def _restart_next(self) -> None:
        """Ask the next part to end, once those before it have been started again."""
        if not self._to_restart:
            return
        until = self._parts.index(self._to_restart[0]) + 1
        if not any(part.kill_at for part in self._parts[:until]):
            self._to_restart.pop(0).ask_to_stop()

    def _keep_running(self, part: Part) -> int | None:
        """The part's exit status where it is given up."""
        if part.process is None:
            return self._start(part) if time.monotonic() >= part.starts_at else None
        status = part.process.poll()
        if status is None and part.kill_at and time.monotonic() > part.kill_at:
            part.kill()
        if status is None or self._is_asked_to_stop:
            return None
        part.former_groups = [group for group in part.groups() if is_alive(-group)]
        part.process = None
        if part.kill_at:
            return self._restart(part)
        return self._failed(part, status, time.monotonic() - part.started_at)

    def _restart(self, part: Part) -> int | None:
        part.kill_at = None
        part.restarts = replace(part.restarts, failures=0)
        log.info(RESTARTED_ON_REQUEST, extra={"fields": {"part": part.name}})
        return self._start(part)

    def _start(self, part: Part) -> int | None:
        try:
            part.start()
        except OSError as error:  # such as too many processes
            return self._failed(part, error.errno or 1, 0.0)
        return None

    def _failed(self, part: Part, status: int, seconds: float) -> int | None:
        """Plan another start, or return the status where there shall be none."""
        wait = part.restarts.next_wait(status, seconds)
        fields = {"part": part.name, "status": status, "failures": part.restarts.failures}
        if wait is None:
            log.critical(GIVEN_UP, extra={"fields": fields})
            return status
        part.starts_at = time.monotonic() + wait
        RESTARTS.labels(part.name).inc()
        log.error(RESTARTED, extra={"fields": {**fields, "wait_seconds": wait}})
        return None


def stop(parts: list[Part]) -> None:
    """Ask every part to end, and kill what is left of each when its time is up, children included."""
    for part in parts:
        if part.process:
            part.process.terminate()
        for group in part.former_groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)
    began = time.monotonic()
    for part in parts:
        if part.process:
            with suppress(subprocess.TimeoutExpired):
                part.process.wait(max(0.0, began + part.stop_seconds - time.monotonic()))
        part.kill()
        if part.process:
            part.process.wait()
