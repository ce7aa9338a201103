"""A web server whose log stalls, and then has no reader, answers every request."""

import fcntl
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

import pytest
from django.conf import settings

from tests.servers import environment, free_port, fresh_keys

pytestmark = pytest.mark.looks

PATIENCE_SECONDS: Final = 60
TOKEN: Final = "a-token-of-twenty-characters"
REQUESTS: Final = 60
"""Their lines are more than a pipe of one page holds."""


def get(port: int, path: str, token: str = "") -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    status, body = answer.status, answer.read().decode()
    connection.close()
    return status, body


@contextmanager
def web_server(folder: Path, stderr: int) -> Iterator[int]:
    """Its port, once it answers."""
    (folder / "env").write_text(fresh_keys())
    (folder / "metrics").mkdir()
    port = free_port()
    own = {
        "ENV_FILE": f"{folder}/env",
        "DATABASE_URL": f"sqlite:///{folder}/none.sqlite3",
        "PROMETHEUS_MULTIPROC_DIR": f"{folder}/metrics",
        "METRICS_TOKEN": TOKEN,
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
    }
    process = subprocess.Popen(
        ["script/web"], cwd=settings.BASE_DIR, env={**environment(), **own}, stdout=stderr, stderr=stderr
    )
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                get(port, "/health/live")
                break
            except (OSError, HTTPException):
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


@pytest.mark.slow
def test_requests_are_answered_whatever_becomes_of_the_log(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    with web_server(tmp_path, writer) as port:
        os.close(writer)
        stalled = [get(port, "/health/live")[0] for _time in range(REQUESTS)]
        os.close(reader)
        closed = [get(port, "/health/live")[0] for _time in range(REQUESTS)]
        _status, metrics = get(port, "/metrics", TOKEN)

    assert (stalled, closed) == ([200] * REQUESTS, [200] * REQUESTS)
    [dropped] = re.findall(r"^stationbook_log_lines_dropped_total (\S+)$", metrics, re.MULTILINE)
    assert float(dropped) >= REQUESTS
