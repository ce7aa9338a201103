"""What the line of a request in the log says besides, noted by whoever learns it on the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

_fields: Final[ContextVar[dict[str, Any] | None]] = ContextVar("log_fields", default=None)


@contextmanager
def noting(fields: dict[str, Any]) -> Iterator[None]:
    """What is noted inside goes into `fields`."""
    before = _fields.set(fields)
    try:
        yield
    finally:
        _fields.reset(before)


def note_station(station_id: int | None) -> None:
    """Note which station the request is about; the first one counts. Does nothing outside of a request."""
    fields = _fields.get()
    if fields is not None and station_id is not None:
        fields.setdefault("station", station_id)
