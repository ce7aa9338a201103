"""A site for the scripts that look at pages: a busy demo in a folder that goes away, served as `script/server` serves it."""

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.servers import ROOT, free_port, fresh_keys

PATIENCE_SECONDS: Final = 120
MORE_SEEDS: Final = ("2", "3", "4")
"""Each fills the same weeks further."""
MANAGER: Final = "manager@example.com"
PASSWORD: Final = "stationbook-demo"  # noqa: S105 - the demo's, which everybody knows


@contextmanager
def site() -> Iterator[str]:
    """Its address, once it answers."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "env").write_text(fresh_keys())
        port = free_port()
        environment = {
            **os.environ,
            "ENV_FILE": f"{folder}/env",
            "DATABASE_URL": f"sqlite:///{folder}/site.sqlite3",
            "PORT": str(port),
            "RATE_LIMIT": "100000/minute",
            "PAGE_RATE_LIMIT": "100000/minute",
        }
        server = subprocess.Popen([ROOT / "script/server"], env=environment, stdout=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address, server)
            for seed in MORE_SEEDS:
                demo = [sys.executable, str(ROOT / "manage.py"), "demo", "--seed", seed]
                subprocess.run(demo, env=environment, stdout=subprocess.DEVNULL, check=True)
            yield address
        finally:
            server.terminate()
            server.wait()


def _wait_for(address: str, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/accounts/login/")  # nosec B310  # http, as made above
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("The site did not start. script/server says why.")
