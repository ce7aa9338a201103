"""Which audit entries must not reveal the station that something was moved from."""

from collections.abc import Collection
from typing import Final

from accounts.audit import recorder
from accounts.models import AuditEntry

MOVED_IN: Final = "came"
"""The event of a booking moved in from another station, whose code is the old value of `station`."""

VisibleStations = Collection[str] | None
"""The codes of the stations that a user sees; None for all (`StationQuerySet.visible_codes`)."""


def hides_origin(entry: AuditEntry, visible: VisibleStations) -> bool:
    """Whether the object of an entry was moved from a station that is not visible.

    Which station that is, and who moved it, is then not shown.
    """
    changes = entry.changes or {}
    [origin, *_more] = changes.get("station" if entry.event == MOVED_IN else recorder.MOVED_FROM, [None])
    return visible is not None and origin is not None and origin not in visible
