"""Metrics of the server itself, which are counted without Django too: by the supervisor and by the log's writer."""

from typing import Final

from prometheus_client import Counter

LOG_LINES_DROPPED: Final = Counter(
    "stationbook_log_lines_dropped", "Log lines that could not be written, or that nobody read in time."
)
RESTARTS: Final = Counter(
    "stationbook_restarts", "Starts of a part of the server that had ended unexpectedly.", ["part"]
)

for _part in ("web_server", "web_process", "worker"):
    RESTARTS.labels(_part)  # is there from the start: a counter that begins with its first event shows no growth at it
