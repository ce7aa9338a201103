"""What went wrong, in words that a log may keep: an error's own may quote a name or an address."""

import traceback
from pathlib import Path

from django.db import InterfaceError, OperationalError


def describe_error(error: BaseException) -> str:
    """What kind of error it is and how it came about. Only what a database says of its connection is quoted."""
    words = " ".join(str(error).split()) if isinstance(error, OperationalError | InterfaceError) else ""
    way = (f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__))
    return f"{type(error).__name__} {words}({' > '.join(way)})"
