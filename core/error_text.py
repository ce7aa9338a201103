"""Describes errors for logs without their messages, which may quote a name or an address."""

import traceback
from pathlib import Path

from django.db import InterfaceError, OperationalError


def describe_error(error: BaseException) -> str:
    """The type of an error and its stack. Only messages about the database connection are quoted."""
    message = " ".join(str(error).split()) if isinstance(error, OperationalError | InterfaceError) else ""
    stack = (f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__))
    return f"{type(error).__name__} {message}({' > '.join(stack)})"
