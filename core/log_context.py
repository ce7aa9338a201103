"""Extra fields for the log line of the current request."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

_fields: Final[ContextVar[dict[str, Any] | None]] = ContextVar("log_fields", default=None)


@contextmanager
def noting(fields: dict[str, Any]) -> Iterator[None]:
    """Collect what is noted inside the block in `fields`."""
    before = _fields.set(fields)
    try:
        yield
    finally:
        _fields.reset(before)


def note_station(station_id: int | None) -> None:
    """Note the station that the request is about. The first call counts; outside a request it does nothing."""
    fields = _fields.get()
    if fields is not None and station_id is not None:
        fields.setdefault("station", station_id)
