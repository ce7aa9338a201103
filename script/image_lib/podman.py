"""Calls of Podman that also work as root of a container or of a small virtual machine."""

import subprocess
import time
from collections.abc import Callable
from typing import Final

RUNTIME: Final = ("--runtime", "runc")
"""crun refuses control groups of versions 1 and 2 beside each other."""
LIMITS: Final = ("--ulimit=nofile=8192:8192", "--ulimit=nproc=4096:4096")
"""Podman's own are higher than this process's may be, and only some processes may raise theirs."""
LABEL: Final = "stationbook.check"
"""On the images that are built here, so that older ones can be deleted."""
BUILD_SECONDS: Final = 1200
POLL_SECONDS: Final = 0.5


class Failed(Exception):
    """A check failed; the message says what was found."""


def wait_until(is_done: Callable[[], bool], fault: Callable[[], str], seconds: float) -> None:
    """Raises Failed with the fault if it is not done after so many seconds."""
    until = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > until:
            raise Failed(fault())
        time.sleep(POLL_SECONDS)


def podman(*words: str, seconds: float = 120) -> str:
    """What it printed. Raises Failed with the command and its output if it ends with an error or takes longer."""
    try:
        done = subprocess.run(
            ["/usr/bin/podman", *RUNTIME, *words], capture_output=True, text=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"podman {' '.join(words)} took longer than {seconds} seconds.") from None
    if done.returncode:
        raise Failed(f"podman {' '.join(words)} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def build(context: str, tag: str, *more: str) -> None:
    """Build an image with only the rights that a chroot needs, in the one format that keeps a health check."""
    wanted = ("--isolation", "chroot", "--format", "docker", "--layers=false", "--label", LABEL, *more)
    podman("build", *wanted, "--tag", tag, context, seconds=BUILD_SECONDS)


def megabytes(image: str) -> float:
    return int(podman("image", "inspect", "--format", "{{.Size}}", image)) / 1e6
