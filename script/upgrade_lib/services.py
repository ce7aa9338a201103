"""What runs from this checkout: units of systemd, or script/server; and how each is started again."""

import fcntl
import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from core.parent_death import is_alive
from upgrade_lib.checkout import ROOT
from upgrade_lib.errors import UnhealthyError
from upgrade_lib.health import get_json, wait_until_healthy
from upgrade_lib.programs import run

WORKER_SECONDS: Final = 5.0
"""For how long a worker has to keep running before it counts as started."""


class Service(Protocol):
    @property
    def name(self) -> str: ...

    def restart(self, version: str, patience: float) -> None:
        """Start it again, as that release. Raises UnhealthyError where it is not well within so many seconds."""


@dataclass(frozen=True)
class WebUnit:
    name: str

    def restart(self, version: str, patience: float) -> None:
        _systemctl("restart", self.name)
        port = self.name.removesuffix(".service").partition("@")[2]
        wait_until_healthy(f"http://127.0.0.1:{port}", version, patience, is_running=lambda: True)


@dataclass(frozen=True)
class WorkerUnit:
    name: str

    def restart(self, version: str, patience: float) -> None:
        _systemctl("restart", self.name)
        time.sleep(WORKER_SECONDS)
        if _systemctl("show", "--property=ActiveState", "--value", self.name) != "active":
            raise UnhealthyError(f"{self.name} does not keep running.")


@dataclass(frozen=True)
class Server:
    """script/server, whose supervisor starts its parts again one after the other."""

    pid: int
    address: str
    name: str = "script/server"

    def restart(self, version: str, patience: float) -> None:
        try:
            os.kill(self.pid, signal.SIGUSR1)
        except ProcessLookupError:
            raise UnhealthyError("script/server has ended. Start it again.") from None
        wait_until_healthy(self.address, version, patience, is_running=lambda: is_alive(self.pid))


def running(server_lock: Path) -> list[Service]:
    """Web servers first: what staff use is the first to be known good, or to be put back."""
    return [*units(), *_server(server_lock)]


def units() -> list[Service]:
    if not shutil.which("systemctl"):
        return []
    listed = _systemctl("list-units", "--plain", "--no-legend", "--state=active", "stationbook-*@*.service")
    names = sorted(line.split()[0] for line in listed.splitlines() if line.strip())
    ours = [name for name in names if _folder_of(name) == ROOT]
    web: list[Service] = [WebUnit(name) for name in ours if name.startswith("stationbook-web@")]
    return [*web, *(WorkerUnit(name) for name in ours if name.startswith("stationbook-worker@"))]


def _folder_of(unit: str) -> Path:
    return Path(_systemctl("show", "--property=WorkingDirectory", "--value", unit)).resolve()


def _systemctl(*arguments: str) -> str:
    done = run("systemctl", *arguments, folder=ROOT)
    if done.returncode and arguments[0] == "restart":
        raise UnhealthyError(f"systemctl restart {arguments[1]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def _server(lock: Path) -> list[Service]:
    """The one that has the lock, once it serves. While it starts, a signal would end it."""
    if not lock.is_file() or not _is_locked(lock):
        return []
    pid, _space, address = lock.read_text().strip().partition(" ")
    return [Server(int(pid), address)] if pid.isdigit() and get_json(f"{address}/health/live")[0] else []


def _is_locked(path: Path) -> bool:
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
