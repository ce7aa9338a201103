"""Measures how long a request waited at the proxy and for a server thread before it was processed."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

COMPLETE_AT: Final = "stationbook.complete_at"
"""Key in the WSGI environ: when the whole request had arrived here, by `time.perf_counter`."""
LONGEST_SECONDS: Final = 600.0
"""A longer wait is taken for a difference between two clocks."""
_FORMAT: Final = re.compile(r"(?:t=)?([0-9]{1,19})(\.[0-9]{1,9})?")
_UNITS: Final = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3), (0.0, 1.0))
"""Pairs of the smallest Unix timestamp given in a unit and that unit in seconds: nano-, micro-, milliseconds, seconds."""


def seconds_in_queue(environ: Mapping[str, Any], *, now: float, perf_now: float) -> float:
    """Seconds from the arrival of the request until now; 0.0 if that is unknown.

    A valid `X-Request-Start` header gives the arrival if `TRUSTED_PROXIES` is set; otherwise it is when the server had read
    the request. `now` is from `time.time`, `perf_now` from `time.perf_counter`.
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
    """Unix time in seconds, from seconds, milliseconds, microseconds or nanoseconds, with or without `t=`; None if invalid.

    Of several values the last one counts: the nearest proxy appended it.
    """
    found = _FORMAT.fullmatch(text.rpartition(",")[2].strip()[:40])
    if found is None:
        return None
    value = float(found[1] + (found[2] or ""))
    return next(value * unit for least, unit in _UNITS if value >= least)
