"""Runs one command or several, with `--` between them, until it is told to stop or one of them ends; then ends them all.

Each has a process group of its own, so that Ctrl-C reaches it through here alone: a server whose processes are told twice
sometimes waits for itself. Signals are handled even where the caller ignores them, as shells do for what they start with `&`.
"""

import itertools
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

PATIENCE = 15
"""Seconds for all to end by themselves."""


def end(processes: list["subprocess.Popen[bytes]"]) -> None:
    """Asks every process to end, and kills what is left of each, children included."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + PATIENCE
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run(commands: list[list[str]]) -> int:
    """The exit status: 0 when told to stop, else that of the command which ended first."""
    told: list[int] = []
    for wanted in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(wanted, lambda number, frame: told.append(number))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            processes.append(subprocess.Popen(command, process_group=0))  # noqa: PERF401 - one may fail to start
        while not told and all(process.poll() is None for process in processes):
            time.sleep(0.1)
        ended = [process.returncode for process in processes if process.returncode is not None]
    finally:
        end(processes)
    return 0 if told else ended[0]


words = itertools.groupby(sys.argv[1:], key=lambda word: word == "--")
sys.exit(run([list(command) for between, command in words if not between]))
