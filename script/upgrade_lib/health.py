"""Whether a server answers, and as which release."""

import json
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from upgrade_lib.errors import UnhealthyError

POLL_SECONDS: Final = 0.25
TIMEOUT_SECONDS: Final = 5
DIRECTLY: Final = build_opener(ProxyHandler({}))
"""Whatever proxy the environment names, the server is on this machine."""


def get_json(url: str) -> tuple[int | None, dict[str, Any]]:
    """The status and the JSON of an address; None for no answer."""
    try:
        with DIRECTLY.open(url, timeout=TIMEOUT_SECONDS) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        with error:
            return error.code, _json(error.read())
    except (OSError, ValueError):
        return None, {}


def _json(body: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(body))
    except (TypeError, ValueError):
        return {}


def wait_until_healthy(address: str, version: str, seconds: float, *, is_running: Callable[[], bool]) -> None:
    """Return once that release serves pages there. Raises UnhealthyError after so many seconds, or when nothing is there."""
    until = time.monotonic() + seconds
    while (fault := _fault(address, version)) and time.monotonic() < until and is_running():
        time.sleep(POLL_SECONDS)
    if fault:
        raise UnhealthyError(f"{address} {fault}")


def _fault(address: str, version: str) -> str:
    """What is wrong with the server; "" for nothing."""
    status, live = get_json(f"{address}/health/live")
    if status is None:
        return "does not answer."
    if live.get("version") != version:
        return f"answers as release {live.get('version')}, not {version}."
    status, web = get_json(f"{address}/health/web")
    if status == 200:
        return ""
    faults = [check["says"] for check in web.get("checks", {}).values() if not check["ok"]]
    return f"answers /health/web with {status}: {' '.join(faults)}"
