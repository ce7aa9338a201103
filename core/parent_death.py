"""Ends a process whose parent has died, so that nothing goes on unsupervised or keeps a port."""

import os
import signal
import time
from threading import Thread
from typing import Final

POLL_SECONDS: Final = 0.5


def end_with_parent(pid: int, *, kill_after: float, grace: float = 0.0, supervisor: int | None = None) -> None:
    """Send this process SIGTERM `grace` seconds after that parent has died, and SIGKILL `kill_after` seconds later.

    Where the supervisor is dead too, nobody will replace the parent, and nothing is waited for. The parent is asked for,
    because only Linux can send a signal when it dies.
    """
    Thread(target=_watch, args=(pid, kill_after, grace, supervisor), name="parent-death", daemon=True).start()


def _watch(pid: int, kill_after: float, grace: float, supervisor: int | None) -> None:
    while os.getppid() == pid:
        time.sleep(POLL_SECONDS)
    until = time.monotonic() + grace
    while time.monotonic() < until and (supervisor is None or is_alive(supervisor)):
        time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(kill_after)
    os.kill(os.getpid(), signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """A negative number is that of a process group, as for kill(2)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
