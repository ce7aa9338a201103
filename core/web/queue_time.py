"""How long a request waited before anything was done for it: at the proxy and for one of the server's threads."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

COMPLETE_AT: Final = "stationbook.complete_at"
"""In the environ: when all of the request had arrived here, by `time.perf_counter`."""
LONGEST_SECONDS: Final = 600.0
"""Nobody waits for longer. A difference beyond it is one between two clocks."""
_FORMAT: Final = re.compile(r"(?:t=)?([0-9]{1,19})(\.[0-9]{1,9})?")
_UNITS: Final = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3), (0.0, 1.0))
"""A time since 1970 that is larger than the first number is given in this fraction of a second."""


def seconds_in_queue(environ: Mapping[str, Any], *, now: float, perf_now: float) -> float:
    """Seconds from when the request was there until now, 0.0 where nobody knows since when.

    `X-Request-Start` counts behind proxies of one's own (`TRUSTED_PROXIES`), and where it is sound; else when the server had
    read the request. `now` is of `time.time`, `perf_now` of `time.perf_counter`.
    """
    here: float = max(perf_now - environ.get(COMPLETE_AT, perf_now), 0.0)
    started = environ.get("HTTP_X_REQUEST_START")
    if not started or not settings.TRUSTED_PROXIES:
        return here
    began = parse_request_start(started)
    if began is None or now - began > LONGEST_SECONDS:
        return here
    return max(now - began, here)


def parse_request_start(text: str) -> float | None:
    """Seconds since 1970, from seconds, milliseconds, microseconds or nanoseconds, with or without `t=`; None for anything else.

    Of several, which the proxies passed on and appended to, the last one was written by the nearest.
    """
    found = _FORMAT.fullmatch(text.rpartition(",")[2].strip()[:40])
    if found is None:
        return None
    value = float(found[1] + (found[2] or ""))
    return next(value * unit for least, unit in _UNITS if value >= least)
