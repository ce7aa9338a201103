"""The supervisor over parts that are made up: what it starts again, when it gives up, and how it stops."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings
from server_lib.restart_policy import HEALTHY_SECONDS, MAX_FAILURES, STARTUP_SECONDS, RestartPolicy
from server_lib.supervisor import GIVEN_UP, RESTARTED, RESTARTED_ON_REQUEST

from core.parent_death import is_alive

PATIENCE_SECONDS: Final = 60
PROGRAM: Final = """
import json, logging.config, sys
from config.observability.logging import configuration
from server_lib.restart_policy import RestartPolicy
from server_lib.supervisor import Part, Supervisor
logging.config.dictConfig(dict(configuration("json", "INFO")))
policy = lambda: RestartPolicy(first_wait=0.01, max_failures=4)
parts = [Part(name, command, seconds, policy()) for name, command, seconds in json.loads(sys.argv[1])]
sys.exit(Supervisor(parts).run())
"""
PATHS: Final = f"{settings.BASE_DIR}{os.pathsep}{settings.BASE_DIR / 'script'}"
ENDLESS: Final = 'echo $$ >> "$0"; exec sleep 600'
"""Writes its process into the file that is its first argument."""


@dataclass
class Run:
    process: "subprocess.Popen[str]"
    files: dict[str, Path]

    def pids(self, part: str) -> list[int]:
        return [int(line) for line in self.files[part].read_text().split()]

    def ended(self) -> tuple[int, list[dict[str, Any]]]:
        """The exit status and the lines of the log."""
        _out, error = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, [json.loads(line) for line in error.splitlines()]


@contextmanager
def supervised(folder: Path, *, stop_seconds: float = 30.0, **scripts: str) -> Iterator[Run]:
    """Parts by name, each a script of the shell that gets a file of its own as `$0`."""
    files = {name: folder / name for name in scripts}
    for file in files.values():
        file.touch()
    parts = [(name, ["sh", "-c", script, str(files[name])], stop_seconds) for name, script in scripts.items()]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps(parts)],
        cwd=settings.BASE_DIR,
        env={**os.environ, "PYTHONPATH": PATHS},
        stderr=subprocess.PIPE,
        text=True,
    )
    run = Run(process, files)
    try:
        yield run
    finally:
        process.kill()
        process.communicate()
        for pid in {pid for name in files for pid in run.pids(name)}:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_part_that_is_killed_is_started_again_and_the_other_stays(tmp_path: Path) -> None:
    with supervised(tmp_path, web=ENDLESS, worker=ENDLESS) as run:
        wait_for(lambda: bool(run.pids("web") and run.pids("worker")))
        os.kill(run.pids("worker")[0], signal.SIGKILL)
        wait_for(lambda: len(run.pids("worker")) == 2)
        run.process.terminate()
        status, lines = run.ended()

    assert (status, len(run.pids("web"))) == (0, 1)
    assert [(line["event"], line["part"], line["status"]) for line in lines] == [(RESTARTED, "worker", -9)]


def test_part_that_fails_again_and_again_ends_all_with_a_reason(tmp_path: Path) -> None:
    with supervised(tmp_path, web=ENDLESS, worker='echo $$ >> "$0"; kill -9 $$') as run:
        status, lines = run.ended()

    assert (status, len(run.pids("worker"))) == (1, 4)
    assert [line.get("wait_seconds") for line in lines] == [0.01, 0.02, 0.04, None]
    assert (lines[-1]["event"], lines[-1]["level"], lines[-1]["part"]) == (GIVEN_UP, "critical", "worker")
    assert not [pid for pid in run.pids("web") if is_alive(pid)]


def test_part_that_is_refused_at_the_start_ends_all_at_once(tmp_path: Path) -> None:
    with supervised(tmp_path, web="exit 3", worker=ENDLESS) as run:
        status, lines = run.ended()

    assert (status, [(line["event"], line["part"], line["status"]) for line in lines]) == (3, [(GIVEN_UP, "web", 3)])


def test_parts_are_restarted_on_request_one_after_the_other(tmp_path: Path) -> None:
    with supervised(tmp_path, web=ENDLESS, worker=ENDLESS) as run:
        wait_for(lambda: bool(run.pids("web") and run.pids("worker")))
        run.process.send_signal(signal.SIGUSR1)
        wait_for(lambda: len(run.pids("worker")) == 2)
        before = [is_alive(run.pids(part)[0]) for part in ("web", "worker")]
        run.process.terminate()
        status, lines = run.ended()

    assert (status, before, len(run.pids("web"))) == (0, [False, False], 2)
    assert [(line["event"], line["part"]) for line in lines] == [
        (RESTARTED_ON_REQUEST, "web"),
        (RESTARTED_ON_REQUEST, "worker"),
    ]


def test_part_that_does_not_end_on_request_is_killed_and_restarted(tmp_path: Path) -> None:
    stubborn = 'trap "" TERM; echo $$ >> "$0"; while :; do sleep 0.05; done'
    with supervised(tmp_path, stop_seconds=0.3, worker=stubborn) as run:
        wait_for(lambda: bool(run.pids("worker")))
        run.process.send_signal(signal.SIGUSR1)
        wait_for(lambda: len(run.pids("worker")) == 2)
        run.process.terminate()
        status, lines = run.ended()

    assert (status, [(line["event"], line["part"]) for line in lines]) == (0, [(RESTARTED_ON_REQUEST, "worker")])


def test_part_may_take_its_time_to_end(tmp_path: Path) -> None:
    """As the worker does with a mail in hand."""
    patient = 'trap \'sleep 0.3; echo $$ >> "$0"; exit\' TERM; echo $$ >> "$0"; while :; do sleep 0.05; done'
    with supervised(tmp_path, worker=patient) as run:
        wait_for(lambda: bool(run.pids("worker")))
        run.process.terminate()
        status, lines = run.ended()

    assert (status, lines, len(run.pids("worker"))) == (0, [], 2)


def test_part_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    stubborn = 'trap "" TERM; sleep 600 & echo $! >> "$0"; echo $$ >> "$0"; wait'
    with supervised(tmp_path, stop_seconds=0.1, worker=stubborn) as run:
        wait_for(lambda: len(run.pids("worker")) == 2)
        pids = run.pids("worker")
        run.process.terminate()
        assert run.ended() == (0, [])
        wait_for(lambda: not any(is_alive(pid) for pid in pids))


def test_supervisor_whose_log_nobody_reads_goes_on(tmp_path: Path) -> None:
    with supervised(tmp_path, worker=ENDLESS) as run:
        assert run.process.stderr
        run.process.stderr.close()
        run.process.stderr = None
        wait_for(lambda: len(run.pids("worker")) == 1)
        os.kill(run.pids("worker")[0], signal.SIGKILL)
        wait_for(lambda: len(run.pids("worker")) == 2)
        run.process.terminate()
        assert run.process.wait(PATIENCE_SECONDS) == 0


def test_wait_doubles_until_the_part_is_given_up() -> None:
    policy = RestartPolicy()

    waits = [policy.next_wait(-9, 1) for _time in range(MAX_FAILURES)]

    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, None]


def test_part_that_ran_well_begins_anew_with_the_first_wait() -> None:
    policy = RestartPolicy()

    waits = [policy.next_wait(-9, seconds) for seconds in (1, 1, HEALTHY_SECONDS, 1)]

    assert waits == [0.2, 0.4, 0.2, 0.4]


@pytest.mark.parametrize(
    ("ends", "wait"),
    [
        ([(1, 5.0)], None),
        ([(1, STARTUP_SECONDS)], 0.2),
        ([(0, 5.0)], 0.2),
        ([(-9, 5.0)], 0.2),
        ([(-9, 5.0), (1, 5.0)], 0.4),
    ],
)
def test_error_right_after_the_first_start_alone_is_final(ends: list[tuple[int, float]], wait: float | None) -> None:
    policy = RestartPolicy()

    assert [policy.next_wait(status, seconds) for status, seconds in ends][-1] == wait
