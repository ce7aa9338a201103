"""Podman, called in a way that also works as root of a container or of a small virtual machine."""

import subprocess
from typing import Final

RUNTIME: Final = ("--runtime", "runc")
"""crun refuses control groups of versions 1 and 2 beside each other."""
LIMITS: Final = ("--ulimit=nofile=8192:8192", "--ulimit=nproc=4096:4096")
"""Podman's own are higher than this process's may be, and only some processes may raise theirs."""
LABEL: Final = "stationbook.check"
"""On the images that are built here, so that older ones can be deleted."""
BUILD_SECONDS: Final = 1200


class Failed(Exception):
    """What was expected did not happen; the words say what."""


def podman(*words: str, seconds: float = 120) -> str:
    """Return what it printed. Raises Failed with the command and its output where it ends with an error or takes longer."""
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
    """Build an image without rights beyond a chroot, in the one format that keeps a health check."""
    wanted = ("--isolation", "chroot", "--format", "docker", "--layers=false", "--label", LABEL, *more)
    podman("build", *wanted, "--tag", tag, context, seconds=BUILD_SECONDS)


def megabytes(image: str) -> float:
    return int(podman("image", "inspect", "--format", "{{.Size}}", image)) / 1e6
