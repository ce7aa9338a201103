"""The slots of a station's days as pure values and rules, without queries.

Local times are in the station's time zone. A time skipped in spring does not exist; one that autumn has twice is the first.
Nothing assumes that clocks change by an hour: those of Lord Howe Island change by half an hour.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from core import formats
from core.bidi import isolate
from core.dates import DAYS_A_WEEK, FIRST_DATE, LAST_DATE
from stations.errors import NoSuchSlot, SlotClosed

if TYPE_CHECKING:
    from stations.models import Opening, Station, TimetableException

ANY_DAY = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot of a station on a date. `date` and `start` are local; `starts_at` and `ends_at` are instants in UTC."""

    date: date
    start: time
    minutes: int
    starts_at: datetime
    ends_at: datetime
    capacity: int
    guest_capacity: int | None
    closed: bool
    reason: str


class OpeningRow(NamedTuple):
    """The fields of an opening that a timetable needs; a `models.Opening` has them too."""

    weekday: int
    start: time
    minutes: int
    capacity: int
    guest_capacity: int | None
    first_date: date | None
    last_date: date | None


class ExceptionRow(NamedTuple):
    """The fields of an exception that a timetable needs; `slot` is None for the whole day."""

    date: date
    slot: time | None
    closed: bool
    capacity: int | None
    guest_capacity: int | None
    reason: str


class Timetable:
    """The openings and exceptions of a station for a range of dates. Exceptions outside the range are not known."""

    def __init__(
        self,
        zone: ZoneInfo,
        openings: Iterable["Opening | OpeningRow"],
        exceptions: Iterable["TimetableException | ExceptionRow"],
        country: str = formats.NO_COUNTRY,
    ) -> None:
        self.zone = zone
        self._country = country
        self._openings: dict[int, list[Opening | OpeningRow]] = defaultdict(list)
        for opening in sorted(openings, key=lambda opening: opening.start):
            self._openings[opening.weekday].append(opening)
        self._exceptions = {(exception.date, exception.slot): exception for exception in exceptions}
        self._days: dict[date, dict[time, Slot]] = {}

    def slots_of(self, day: date) -> list[Slot]:
        """The slots of a day by start, closed ones included. Starts that the clock skips are left out."""
        return list(self._day(day).values())

    def find(self, day: date, start: time) -> Slot | None:
        return self._day(day).get(start)

    def consecutive_slots(self, day: date, start: time, count: int, *, allow_closed: bool = False) -> list[Slot]:
        """`count` slots, each of which begins, by the local clock and on the same date, when the previous one ends.

        Raises NoSuchSlot if there are fewer, and SlotClosed with the reason if one is closed, unless `allow_closed`.
        """
        slots: list[Slot] = []
        begin: time | None = start
        while len(slots) < count:
            slot = self.find(day, begin) if begin is not None else None
            if slot is None:
                raise NoSuchSlot(self._no_such_slot(day, start, count, found=len(slots)))
            slots.append(slot)
            begin = _local_end(slot)
        closed = next((slot for slot in slots if slot.closed), None)
        if closed and not allow_closed:
            raise SlotClosed(self._closed(closed), data=closed.reason)
        return slots

    def count_slots_until(self, day: date, start: time, end: datetime) -> int:
        """The number of consecutive slots from `start` that a booking until the instant `end` occupies, the last one in part.

        0 if there is no slot at `start`. Raises NoSuchSlot if the slots end before `end`.
        """
        count = 0
        slot = self.find(day, start)
        while slot and slot.starts_at < end:
            count += 1
            last, begin = slot, _local_end(slot)
            if slot.ends_at >= end:
                return count
            slot = self.find(day, begin) if begin is not None else None
        if count and slot is None:
            raise NoSuchSlot(self._ends_too_early(day, start, last))
        return count

    def _day(self, day: date) -> dict[time, Slot]:
        if day not in self._days:
            known = FIRST_DATE <= day <= LAST_DATE
            openings = self._openings[day.weekday()] if known else []
            slots = (self._slot(day, opening) for opening in openings if in_force(opening, day))
            self._days[day] = {slot.start: slot for slot in slots if slot}
        return self._days[day]

    def _slot(self, day: date, opening: "Opening | OpeningRow") -> Slot | None:
        starts_at = instant(self.zone, day, opening.start)
        if starts_at is None:
            return None
        whole_day = self._exceptions.get((day, None))
        exception = self._exceptions.get((day, opening.start), whole_day)
        return Slot(
            date=day,
            start=opening.start,
            minutes=opening.minutes,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=opening.minutes),
            capacity=(exception and exception.capacity) or opening.capacity,
            guest_capacity=(exception and exception.guest_capacity) or opening.guest_capacity,
            closed=bool(exception and exception.closed),
            reason=exception.reason if exception else "",
        )

    def _no_such_slot(self, day: date, start: time, count: int, *, found: int) -> str:
        when = {**self._when(day, start), "count": count, "found": found}
        if found:
            return _("Only %(found)d of %(count)d slots follow each other from %(start)s on %(day)s.") % when
        return _("There is no slot at %(start)s on %(day)s. Choose another slot.") % when

    def _ends_too_early(self, day: date, start: time, last: Slot) -> str:
        end = formats.format_end(day, last.ends_at.astimezone(self.zone), self._country)
        when = {**self._when(day, start), "end": end}
        return _("The slots from %(start)s on %(day)s end at %(end)s, before the booking does.") % when

    def _closed(self, slot: Slot) -> str:
        when = {**self._when(slot.date, slot.start), "reason": isolate(slot.reason)}
        if slot.reason:
            return _("%(start)s on %(day)s is closed: %(reason)s") % when
        return _("%(start)s on %(day)s is closed.") % when

    def _when(self, day: date, start: time) -> dict[str, str]:
        return {"day": formats.format_date(day, self._country), "start": formats.format_time(start, self._country)}


def instant(zone: ZoneInfo, day: date, local: time) -> datetime | None:
    """Convert local time to UTC: the first of two instants in autumn, None for a time skipped in spring.

    Also None if the instant would be before year 1 or after year 9999. Nothing else converts local times.
    """
    naive = datetime.combine(day, local).replace(fold=0)
    try:
        moment = naive.replace(tzinfo=zone).astimezone(UTC)
        exists = moment.astimezone(zone).replace(tzinfo=None) == naive
    except OverflowError:
        return None
    return moment if exists else None


def local_now(station: "Station", now: datetime) -> datetime:
    """`now` in the station's time zone; its date is the station's today."""
    return now.astimezone(station.zone)


def in_force(opening: "Opening | OpeningRow", day: date) -> bool:
    """Whether the opening is valid on a date of its weekday."""
    return (opening.first_date or date.min) <= day <= (opening.last_date or date.max)


def overlapping(openings: Sequence["Opening"]) -> list[tuple["Opening", "Opening"]]:
    """The pairs of openings that overlap on some date. One that passes midnight can overlap with those of the next day."""
    days: list[list[Opening]] = [[] for _day in range(DAYS_A_WEEK)]
    for opening in sorted(openings, key=lambda opening: opening.start):
        days[opening.weekday].append(opening)
    return [
        (one, other)
        for weekday, today in enumerate(days)
        for index, one in enumerate(today)
        for later, candidates in ((0, today[index + 1 :]), (1, days[(weekday + 1) % DAYS_A_WEEK]))
        for other in takewhile(partial(_begins_within, one, later), candidates)
        if _meet(one, other, later)
    ]


def _begins_within(one: "Opening", later: int, other: "Opening") -> bool:
    """Whether `other`, `later` days after `one`, begins before `one` ends, by the local clock."""
    return _clock(other.start, later) < _clock(one.start) + timedelta(minutes=one.minutes)


def _meet(one: "Opening", other: "Opening", later: int) -> bool:
    """Whether there is a date on which `other` is valid and `one` was valid `later` days before."""
    first = max(_shifted(one.first_date or date.min, later), other.first_date or date.min)
    last = min(_shifted(one.last_date or date.max, later), other.last_date or date.max)
    return _has_weekday(first, last, other.weekday)


def _has_weekday(first: date, last: date, weekday: int) -> bool:
    """Whether the range of dates includes that weekday."""
    return (last - first).days >= (weekday - first.weekday()) % DAYS_A_WEEK


def _shifted(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max


def _clock(local: time, days: int = 0) -> datetime:
    """A local time as a naive datetime, for arithmetic without clock changes."""
    return datetime.combine(ANY_DAY + timedelta(days=days), local)


def _local_end(slot: Slot) -> time | None:
    """When the slot ends by the local clock, ignoring clock changes; None if that is on the next date."""
    end = _clock(slot.start) + timedelta(minutes=slot.minutes)
    return end.time() if end.date() == ANY_DAY else None
