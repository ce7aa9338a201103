"""Metrics of the server itself, which are counted without Django too: by the supervisor and by the log's writer."""

from typing import Final

from prometheus_client import Counter

LOG_LINES_DROPPED: Final = Counter(
    "stationbook_log_lines_dropped", "Log lines that could not be written, or that nobody read in time."
)
