"""How long to wait before a part that ended is started again, and when to give up."""

from dataclasses import dataclass
from typing import Final

FIRST_WAIT_SECONDS: Final = 0.2
HEALTHY_SECONDS: Final = 60.0
STARTUP_SECONDS: Final = 30.0
MAX_FAILURES: Final = 8
"""In a row, each less than `HEALTHY_SECONDS` after its start; the waits between them are 25 seconds together."""


@dataclass
class RestartPolicy:
    """The wait doubles with each failure in a row. What ran for `HEALTHY_SECONDS` begins a new row when it fails."""

    first_wait: float = FIRST_WAIT_SECONDS
    max_failures: int = MAX_FAILURES
    failures: int = 0
    is_first_start: bool = True

    def next_wait(self, status: int, seconds_run: float) -> float | None:
        """Seconds to wait after an end with that exit status (negative: a signal's number), or None to give up.

        A part that ends by itself with an error right after its first start was refused something, such as a setting: to start
        it again would not help.
        """
        is_refused = self.is_first_start and status > 0 and seconds_run < STARTUP_SECONDS
        self.is_first_start = False
        self.failures = 1 if seconds_run >= HEALTHY_SECONDS else self.failures + 1
        if is_refused or self.failures >= self.max_failures:
            return None
        wait: float = self.first_wait * 2 ** (self.failures - 1)
        return wait
