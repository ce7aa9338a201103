"""The opening hours of a week from a date on, as a set of slots that is compared and changed as a whole."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from typing import NamedTuple, Self

from core.dates import DAYS_A_WEEK, minute_of_day
from stations.models import Opening, Station
from stations.timetable import in_force, overlapping


class WeeklySlot(NamedTuple):
    """An opening without its dates: a slot of a weekday, with its length in minutes and its capacity."""

    weekday: int
    start: time
    minutes: int
    capacity: int
    guest_capacity: int | None

    @classmethod
    def of(cls, opening: Opening) -> Self:
        return cls(opening.weekday, opening.start, opening.minutes, opening.capacity, opening.guest_capacity)


def openings_from(station: Station, first: date) -> dict[WeeklySlot, Opening]:
    """The openings that are valid on their weekday in the seven days from a date on, in order."""
    openings = Opening.objects.filter(station=station).order_by("weekday", "start")
    return {WeeklySlot.of(one): one for one in openings if in_force(one, _next_day(one.weekday, first))}


def opening_ranges(slots: Iterable[WeeklySlot]) -> dict[int, list[tuple[int, int]]]:
    """For each weekday the times that its slots cover without a gap, in minutes from midnight."""
    ranges: dict[int, list[tuple[int, int]]] = {weekday: [] for weekday in range(DAYS_A_WEEK)}
    for slot in sorted(slots, key=lambda slot: (slot.weekday, slot.start)):
        start = minute_of_day(slot.start)
        end = start + slot.minutes
        day = ranges[slot.weekday]
        if day and day[-1][1] == start:
            start = day.pop()[0]
        day.append((start, end))
    return ranges


def change_hours(station: Station, wanted: AbstractSet[WeeklySlot], first: date) -> int:
    """Make `wanted` the slots of each week from a date on. Returns how many slots were added or ended.

    Earlier dates stay as they are, and so do openings that begin later. A new opening ends with the one whose place it takes, or
    with the others of its day, and before a later one that it would overlap. Call it inside `timetable_change`, which handles
    affected bookings.
    """
    current = openings_from(station, first)
    added = sorted(wanted - current.keys(), key=lambda slot: (slot.weekday, slot.start))
    later = [
        one for one in Opening.objects.filter(station=station, first_date__gt=first) if one not in current.values()
    ]
    made = [Opening(station=station, first_date=first, **slot._asdict()) for slot in added]
    for opening in made:
        opening.last_date = _last_date(opening, list(current.values()), later)
    ended = [opening for slot, opening in current.items() if slot not in wanted]
    for opening in ended:
        _end(opening, first)
    for opening in made:
        opening.save()  # one by one, as the audit log records what is saved
    return len(ended) + len(made)


def _end(opening: Opening, first: date) -> None:
    """Let an opening be valid until the day before a date; one that is not valid before it is deleted."""
    if opening.first_date and opening.first_date >= first:
        opening.delete()
    else:
        opening.last_date = first - timedelta(days=1)
        opening.save()


def _last_date(made: Opening, current: Sequence[Opening], later: Sequence[Opening]) -> date | None:
    replaced = [one for one in current if (one.weekday, one.start) == (made.weekday, made.start)]
    of_the_day = [one for one in current if one.weekday == made.weekday]
    season: list[date | None] = [one.last_date for one in replaced or of_the_day or current]
    ends = [] if None in season else [max(end for end in season if end)] if season else []
    ends += [one.first_date - timedelta(days=1) for one in later if one.first_date and overlapping([made, one])]
    return min(ends, default=None)


def _next_day(weekday: int, first: date) -> date:
    """The first date of a weekday that is not before `first`."""
    return first + timedelta(days=(weekday - first.weekday()) % DAYS_A_WEEK)
