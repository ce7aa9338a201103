"""The new release's web server on a port of its own, before anything that runs is touched."""

import os
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from upgrade_lib.checkout import WORK
from upgrade_lib.errors import UnhealthyError, UpgradeError
from upgrade_lib.health import wait_until_healthy

STOP_SECONDS: Final = 20


def smoke_test(folder: Path, version: str, patience: float) -> None:
    """Raises UpgradeError, with what the server said, where it does not serve pages."""
    port, log = _free_port(), WORK / "smoke-test.log"
    metrics = WORK / "smoke-test-metrics"  # not those of the server that runs
    metrics.mkdir(exist_ok=True)
    own = {"HOST": "127.0.0.1", "PORT": str(port), "WEB_CONCURRENCY": "1", "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    with log.open("w") as output:
        process = subprocess.Popen(
            [folder / "script/web"], env={**os.environ, **own}, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}", version, patience, is_running=lambda: process.poll() is None)
    except UnhealthyError as error:
        raise UpgradeError(f"The smoke test of {version} failed: {error}\n{log.read_text()[-2000:]}") from None
    finally:
        _stop(process)
        shutil.rmtree(metrics)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
