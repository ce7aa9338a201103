"""Metrics of the server processes, usable without Django: by the supervisor and the log writer."""

from typing import Final

from prometheus_client import Counter

LOG_LINES_DROPPED: Final = Counter(
    "stationbook_log_lines_dropped", "Log lines that could not be written, or that nobody read in time."
)
RESTARTS: Final = Counter(
    "stationbook_restarts", "Starts of a part of the server that had ended unexpectedly.", ["part"]
)

# Start at 0: Prometheus sees no increase in a counter that first appears with a value of 1.
for _part in ("web_server", "web_process", "worker"):
    RESTARTS.labels(_part)
