"""What is written to the log, less what must not stand there."""

import logging
import re
from typing import Final

SECRET: Final = re.compile(r"(/feeds/|/accounts/new-password/)[^/\s]+", re.IGNORECASE)
"""In the address of a calendar feed, and of a new password: Django logs the path of every request that it refuses."""


class Discreet(logging.Formatter):
    """Lines, tracebacks included, without the secrets of addresses."""

    def format(self, record: logging.LogRecord) -> str:
        return SECRET.sub(r"\1•••", super().format(record))
