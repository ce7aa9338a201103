"""The web server: granian, whose processes are started again one by one when they end."""

import logging
import multiprocessing
import os
import signal
import time
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from functools import partial
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer

from config.observability.logging import OWN_LOGGERS, configuration
from core.parent_death import end_with_parent
from core.process_metrics import RESTARTS
from server_lib.restart_policy import RestartPolicy
from server_lib.supervisor import GIVEN_UP, RESTARTED

log = logging.getLogger("server_lib.web")  # which runs as __main__

KILL_SECONDS: Final = 10
"""How long a process may take to answer what it has in hand, after SIGTERM."""
ORPHAN_SECONDS: Final = 10.0
"""How long processes go on serving when their server was killed, until another has been started."""
HEADER_MILLISECONDS: Final = 15_000
"""Connections on which nothing arrives are closed, as are requests whose headers are not complete by then."""
POLL_SECONDS: Final = 0.05


class WebServer(MPServer):
    """Granian ends as a whole when one process ends twice within seconds. Here the others go on meanwhile.

    Overridden is what granian keeps to itself (2.8): `tests/scripts/test_server.py` kills a process to see that it works.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._restarts: defaultdict[int, RestartPolicy] = defaultdict(RestartPolicy)
        logging.getLogger("_granian").addFilter(lambda record: "Unexpected exit" not in record.getMessage())

    def _respawn_workers(self, workers: list[int], spawn_target: Any, target_loader: Any, delay: float = 0) -> None:
        for number in workers:
            if delay or self._may_restart(number):  # a delay is a reload's
                super()._respawn_workers([number], spawn_target, target_loader, delay)
        self.respawned_wrks.clear()

    def _may_restart(self, number: int) -> bool:
        """Wait for the process's turn; False where it is given up, or the server was asked to stop meanwhile."""
        process = self.wrks[number]
        policy, status = self._restarts[number], process.inner.exitcode or 0
        wait = policy.next_wait(status, time.monotonic() - process.birth)
        fields = {"part": "web_process", "number": number + 1, "status": status, "failures": policy.failures}
        if wait is None:
            log.critical(GIVEN_UP, extra={"fields": fields})
            self.interrupt_children.append(number)  # makes the exit status 1
            self.interrupt_signal = True
            self.main_loop_interrupt.set()
            return False
        RESTARTS.labels("web_process").inc()
        log.error(RESTARTED, extra={"fields": {**fields, "wait_seconds": wait}})
        until = time.monotonic() + wait
        while not self.interrupt_signal and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
        return not self.interrupt_signal


def load_application(_target: str, *, supervisor: int | None) -> Any:
    """Runs in each process, after the fork. Until granian sets the handlers of a process, those inherited from the server would
    swallow a SIGTERM."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    if server := multiprocessing.parent_process():
        pid = int(server.pid or 0)
        end_with_parent(pid, kill_after=KILL_SECONDS, grace=ORPHAN_SECONDS, supervisor=supervisor)
    from config.rsgi import application

    return application


def log_configuration() -> dict[str, Any]:
    """The server itself handles no requests: what it says is repeated as it stands."""
    made = dict(configuration(os.environ["LOG_FORMAT"], os.environ["LOG_LEVEL"]))
    return {**made, "formatters": {"line": {**made["formatters"]["line"], "own_loggers": OWN_LOGGERS | {"_granian"}}}}


def main(wanted: Namespace) -> None:
    server = WebServer(
        target="config.rsgi:application",
        address=wanted.host,
        port=wanted.port,
        interface=Interfaces.RSGI,
        loop=Loops.asyncio,
        http=HTTPModes.http1,
        websockets=False,
        backlog=1024,
        backpressure=wanted.connections,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS),
        workers=wanted.processes,
        workers_kill_timeout=KILL_SECONDS,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
        log_dictconfig=log_configuration(),
    )
    if wanted.supervisor:
        end_with_parent(wanted.supervisor, kill_after=KILL_SECONDS * 2)
    server.serve(target_loader=partial(load_application, supervisor=wanted.supervisor))


if __name__ == "__main__":
    parser = ArgumentParser()
    parser.add_argument("--host", required=True)
    for name in ("--port", "--processes", "--connections"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--supervisor", type=int, help="the process with which to end")
    main(parser.parse_args())
