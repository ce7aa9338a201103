"""The product in a folder of its own, as after a fresh clone, and its server run as a person would."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers import ROOT

TIMEOUT_SECONDS = 90


def status_of(address: str) -> int | None:
    """The status that the address answers with, or None where nobody listens."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code
    except OSError:
        return None


@dataclass
class Product:
    """A copy of the product, its database empty; `variables` are all that its commands know of the environment."""

    folder: Path
    variables: dict[str, str]

    def start(self, log_name: str = "server.log", **variables: str) -> "Server":
        log = self.folder / log_name
        with log.open("w") as output:
            process = subprocess.Popen(
                ["script/server"],
                cwd=self.folder,
                env={**self.variables, **variables},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Server(process, log)

    @contextmanager
    def serving(self, **variables: str) -> "Iterator[Server]":
        """The server, once it answers at the port given."""
        server = self.start(**variables)
        try:
            server.wait_for(f"http://127.0.0.1:{variables['PORT']}/accounts/login/")
            yield server
        finally:
            server.end()


@dataclass
class Server:
    process: "subprocess.Popen[bytes]"
    log: Path
    pid: int = field(init=False)

    def __post_init__(self) -> None:
        self.pid = self.process.pid

    @property
    def output(self) -> str:
        return self.log.read_text()

    def wait_for(self, address: str, seconds: float = TIMEOUT_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while status_of(address) is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The server does not answer. It printed:\n{self.output}")
            time.sleep(0.2)

    def family(self) -> set[int]:
        """The processes that it consists of now, children's children too."""
        listed = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        parents = {int(pid): int(parent) for pid, parent in (line.split() for line in listed.splitlines())}
        found = {self.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    def processes(self, command: str, *, is_child_of_part: bool) -> list[int]:
        """Those with that in their command, either parts of the server or processes that a part has started."""
        listed = subprocess.run(["ps", "-axwwo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
        found = [line.split(None, 2) for line in listed.splitlines() if command in line]
        parts = [int(pid) for pid, parent, _args in found if int(parent) == self.pid]
        children = [int(pid) for pid, parent, _args in found if int(parent) in parts]
        return children if is_child_of_part else parts

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(TIMEOUT_SECONDS)


@contextmanager
def web_server(port: int, database_url: str, log: Path, *, seconds: float, **variables: str) -> Iterator[Server]:
    """One web process on the tests' own database, once it answers, which it has so many seconds for. Killed at the end."""
    own = {"DJANGO_SETTINGS_MODULE": "tests.settings", "HOST": "127.0.0.1", "WEB_CONCURRENCY": "1"}
    own |= {"DATABASE_URL": database_url, "PORT": str(port), **variables}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [ROOT / "script/web"], env=os.environ | own, stdout=output, stderr=output, start_new_session=True
        )
    server = Server(process, log)
    try:
        server.wait_for(f"http://127.0.0.1:{port}/accounts/login/", seconds)
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
