"""How a rate limit is written: so many in a period, such as `100/minute`."""

from typing import Final

PERIODS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
"""Seconds by the first letter of second, minute, hour or day."""


def parse_rate(text: str) -> tuple[int, int]:
    """The limit, at least 1, and the period in seconds. Raises ValueError."""
    number, _slash, period = text.partition("/")
    seconds, limit = PERIODS.get(period.strip()[:1]), int(number)
    if seconds is None or limit < 1:
        raise ValueError(text)
    return limit, seconds
