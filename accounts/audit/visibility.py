"""What an audit entry hides from somebody who does not see the station that something came from."""

from collections.abc import Collection
from typing import Final

from accounts.audit import recording
from accounts.models import AuditEntry

ARRIVED: Final = "came"
"""The event of a booking that came from another station, whose code is the old value of `station`."""

Seen = Collection[str] | None
"""The codes of the stations that somebody sees; None for all (`StationQuerySet.codes_seen_by`)."""


def hides_origin(entry: AuditEntry, seen: Seen) -> bool:
    """Whether what an entry is about came from a station that is not among those seen: which, from where there and by whom is
    that station's own affair.
    """
    changes = entry.changes or {}
    [origin, *_more] = changes.get("station" if entry.event == ARRIVED else recording.MOVED_FROM, [None])
    return seen is not None and origin is not None and origin not in seen
