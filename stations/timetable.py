"""What slots a station has on a day: pure values, no queries. (signatures; the whole comes with the next commit)"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from stations.models import Opening, Station, TimetableException


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot of a station on a date. `date` and `start` are local, `starts_at` and `ends_at` instants in UTC."""

    date: date
    start: time
    minutes: int
    starts_at: datetime
    ends_at: datetime
    capacity: int
    guest_capacity: int | None
    closed: bool
    reason: str


class Timetable:
    """The openings and exceptions of one station, as loaded for a range of dates."""

    def __init__(
        self, zone: ZoneInfo, openings: Sequence["Opening"], exceptions: Sequence["TimetableException"]
    ) -> None: ...

    def slots_of(self, day: date) -> list[Slot]:
        """The slots of a day in order of start, closed ones with their reason; starts that the clock skips are left out."""
        raise NotImplementedError

    def row_of_slots(self, day: date, start: time, count: int) -> list[Slot]:
        """`count` slots in a row from `start`: each begins, by the local clock and on the same date, when the one before ends.

        Raises NoSuchSlot where there are not as many, SlotClosed (with its reason) where one of them is closed.
        """
        raise NotImplementedError

    def find(self, day: date, start: time) -> Slot | None:
        raise NotImplementedError


def instant(zone: ZoneInfo, day: date, local: time) -> datetime | None:
    """The one way from local time to UTC: the first of two in autumn, None for a time that spring skips."""
    raise NotImplementedError


def local_now(station: "Station", now: datetime) -> datetime:
    """`now` by the station's clock: whose date is the station's “today”."""
    raise NotImplementedError
