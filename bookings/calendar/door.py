"""A day at one station as the host at the door sees it: who is due, who is here and who is gone."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final, Literal, NamedTuple

from bookings.calendar.read_model import Row
from bookings.models.status import RESCHEDULABLE, Status

ListName = Literal["due", "here", "gone"]
_MINUTE: Final = timedelta(minutes=1)


class DoorList(NamedTuple):
    """Bookings in the order of the calendar."""

    name: ListName
    rows: list[Row]


def door_lists(rows: Iterable[Row], day: date, now: datetime) -> list[DoorList]:
    """Sort the bookings of a day, and those of the day before that are still running."""
    lists: dict[ListName, list[Row]] = {"due": [], "here": [], "gone": []}
    for row in rows:
        if row.date == day or (row.ends_at > now and row.status == Status.ARRIVED):
            lists[_list_of(row)].append(row)
    return [DoorList(name, found) for name, found in lists.items()]


def _list_of(row: Row) -> ListName:
    if row.status in RESCHEDULABLE:
        return "due"
    return "here" if row.status == Status.ARRIVED else "gone"


def minutes_late(row: Row, now: datetime) -> int:
    """Whole minutes since the start of a booking whose party is due; 0 if it is not late."""
    return max(0, (now - row.starts_at) // _MINUTE) if row.status in RESCHEDULABLE else 0


def turning_points(lists: Iterable[DoorList], now: datetime) -> list[datetime]:
    """When the page changes by itself: as parties become late, and every minute while one is."""
    due = [row for one in lists if one.name == "due" for row in one.rows]
    is_late = any(row.starts_at <= now for row in due)
    return [*(row.starts_at + _MINUTE for row in due), *([now + _MINUTE] if is_late else [])]
