"""Which slots and bookings are in which cell of a calendar, without HTML and without queries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import takewhile
from typing import Final, NamedTuple

from bookings.calendar.read_model import Row, SlotAvailability
from bookings.models.status import ACTIVE
from core.dates import DAYS_A_WEEK, MINUTES_A_DAY, minute_of_day, time_of_minute
from stations.timetable import Slot

MONTH_DAYS = 6 * DAYS_A_WEEK
"""The most days that a month in whole weeks shows."""
BREAK_MINUTES: Final = 45
"""The shortest time without slots that is a break, and not only the time between two slots."""
BREAK: Final = timedelta(minutes=BREAK_MINUTES)
LENGTH_WITHOUT_SLOT: Final = 60
"""Minutes of a row for bookings whose slot is no longer in the timetable."""
MAX_LANES: Final = 4
"""The most long bookings side by side in one day of a week."""


class Occupancy(NamedTuple):
    """How many of the places of a slot, a period or a day are taken."""

    taken: int
    capacity: int

    @property
    def level(self) -> int:
        """0 (empty) to 10 (full), rounded up, for a meter."""
        return min(10, -(-10 * self.taken // self.capacity)) if self.capacity else 0


class Period(NamedTuple):
    """Open slots of a day that follow each other without a longer break, such as lunch or dinner. Times are local."""

    start: time
    end: time
    occupancy: Occupancy


@dataclass(frozen=True, slots=True)
class Totals:
    """Parties, guests and the amount due of a date range, without cancelled and unassigned bookings."""

    parties: int
    guests: int
    due_cents: int


@dataclass(slots=True)
class Day:
    """A date with its slots, by start, and its bookings."""

    date: date
    slots: list[SlotAvailability]
    bookings: list[Row]
    is_today: bool
    is_past: bool
    in_month: bool = True
    occupancy: Occupancy = field(init=False)
    """Parties of the open slots together."""
    is_closed: bool = field(init=False)
    """Whether the day has no open slot."""

    def __post_init__(self) -> None:
        opened = self._open_slots
        self.occupancy = _occupancy(opened)
        self.is_closed = not opened

    @property
    def _open_slots(self) -> list[SlotAvailability]:
        return [one for one in self.slots if not one.slot.closed]

    @property
    def periods(self) -> list[Period]:
        """The parts of the day between longer breaks: a day that is not full may have a full evening."""
        groups: list[list[SlotAvailability]] = []
        for one in self._open_slots:
            if not groups or one.slot.starts_at - groups[-1][-1].slot.ends_at >= BREAK:
                groups.append([])
            groups[-1].append(one)
        return [Period(group[0].slot.start, _local_end(group[-1].slot), _occupancy(group)) for group in groups]

    @property
    def closure_reason(self) -> str:
        """Why the whole day is closed, if a reason was given."""
        return next((one.slot.reason for one in self.slots if one.slot.reason), "") if self.is_closed else ""

    @property
    def active_bookings(self) -> list[Row]:
        return [row for row in self.bookings if row.status in ACTIVE]


@dataclass(slots=True)
class Cell:
    """The cell of a day and a start in the week's table."""

    day: Day
    start: time
    availability: SlotAvailability | None
    """None if the day has no slot at this start."""
    is_continued: bool = False
    """Whether a slot of the day that began earlier is still running at this start; only of cells without a slot."""
    bookings: list[Row] = field(default_factory=list)
    """Those of one slot, below each other."""
    long_bookings: list["LongBooking"] = field(default_factory=list)
    """Those of several slots that start here. They reach down over the cells below."""
    lanes: int = 0
    """How many columns of this cell belong to long bookings that start in it or reach into it."""

    def state(self, now: datetime) -> str:
        """Return `none`, `continued`, `closed`, `past`, `full` or `open`.

        Today's slots are never `past`: the page marks them as they end.
        """
        if self.availability is None:
            return "continued" if self.is_continued else "none"
        if self.availability.slot.closed:
            return "closed"
        if self.day.is_past and self.availability.slot.ends_at <= now:
            return "past"
        return "open" if self.availability.parties_left else "full"

    @property
    def occupancy_level(self) -> int:
        """The level of parties or of guests, whichever is higher."""
        if self.availability is None:
            return 0
        slot = self.availability.slot
        level = Occupancy(self.availability.parties, slot.capacity).level
        if not slot.guest_capacity:
            return level
        return max(level, Occupancy(self.availability.guests, slot.guest_capacity).level)


@dataclass(slots=True)
class LongBooking:
    """A booking of several slots: how many minutes of the table it covers, and its column among those beside it."""

    booking: Row
    minutes: int
    lane: int
    """Counted from 0."""


@dataclass(slots=True)
class TableRow:
    """The cells of all days at one start."""

    start: time
    minutes: int
    """Until the next start, or the break before it. The height of the row is in proportion."""
    cells: list[Cell]
    """One for each day."""
    break_until: time | None = None
    """When the station opens again if it closes for a while after this row."""

    @property
    def end(self) -> time:
        return time_of_minute(minute_of_day(self.start) + self.minutes)


@dataclass(slots=True)
class WeekTable:
    """Days across, starts down."""

    days: list[Day]
    rows: list[TableRow]

    def past_rows(self, now: datetime) -> list[TableRow]:
        """The first rows of a table of today whose slots have ended; none if all have, or if other days are shown."""
        if [day.is_today for day in self.days] != [True]:
            return []
        slots = [[cell.availability.slot for cell in row.cells if cell.availability] for row in self.rows]
        past = list(takewhile(lambda found: found and found[0].ends_at <= now, slots))
        return self.rows[: len(past)] if len(past) < len(self.rows) else []


def make_days(
    dates: Iterable[date],
    slots: Mapping[date, list[SlotAvailability]],
    rows: Iterable[Row],
    *,
    today: date,
    month: int | None = None,
) -> list[Day]:
    """Return the dates as days. `rows` are the assigned bookings; with a `month`, days of other months are marked."""
    bookings: dict[date, list[Row]] = defaultdict(list)
    for row in rows:
        bookings[row.date].append(row)
    return [
        Day(
            day,
            slots.get(day, []),
            bookings[day],
            is_today=day == today,
            is_past=day < today,
            in_month=month is None or day.month == month,
        )
        for day in dates
    ]


def totals(days: Iterable[Day]) -> Totals:
    """Return the totals of the days; of a month's page, only of the days of that month."""
    rows = [row for day in days if day.in_month for row in day.active_bookings]
    return Totals(len(rows), sum(row.total_guests for row in rows), sum(row.due_cents for row in rows))


def week_table(days: Sequence[Day]) -> WeekTable:
    """Return a table with a row for each start at which any of the days has a slot or a booking."""
    slots = {(day.date, one.slot.start): one for day in days for one in day.slots}
    starts = sorted({start for _day, start in slots} | {row.slot for day in days for row in day.bookings})
    rows = _rows(days, starts, slots)
    for column, day in enumerate(days):
        _place_bookings(day, rows, [row.cells[column] for row in rows])
    return WeekTable(list(days), rows)


def _rows(
    days: Sequence[Day], starts: Sequence[time], slots: Mapping[tuple[date, time], SlotAvailability]
) -> list[TableRow]:
    """Return a row for each start, which lasts until the next one, or until the break before it."""
    rows: list[TableRow] = []
    open_until = 0
    for index, start in enumerate(starts):
        begin = minute_of_day(start)
        lengths = [slots[day.date, start].slot.minutes for day in days if (day.date, start) in slots]
        open_until = max(open_until, begin + max(lengths, default=LENGTH_WITHOUT_SLOT))
        following = minute_of_day(starts[index + 1]) if index + 1 < len(starts) else min(open_until, MINUTES_A_DAY)
        has_break = following - open_until >= BREAK_MINUTES
        cells = [_cell(day, start, slots.get((day.date, start))) for day in days]
        end = open_until if has_break else following
        rows.append(TableRow(start, end - begin, cells, time_of_minute(following) if has_break else None))
    return rows


def _cell(day: Day, start: time, availability: SlotAvailability | None) -> Cell:
    return Cell(day, start, availability, is_continued=availability is None and _is_continued(day, start))


def _is_continued(day: Day, start: time) -> bool:
    minute = minute_of_day(start)
    begins = ((minute_of_day(one.slot.start), one.slot.minutes) for one in day.slots)
    return any(begin < minute < begin + minutes for begin, minutes in begins)


@dataclass(slots=True)
class _Group:
    """Long bookings that overlap: the rows that they cover, and how many lanes they use."""

    first: int
    last: int
    lanes: int = 0

    def add(self, last: int, lane: int) -> None:
        self.last, self.lanes = max(self.last, last), max(self.lanes, lane + 1)


def _place_bookings(day: Day, rows: Sequence[TableRow], cells: Sequence[Cell]) -> None:
    """Put a day's bookings into its cells, those of several slots into columns side by side.

    More long bookings than `MAX_LANES` at a time would be too narrow to read: the others are listed with those of one slot.
    """
    index_of = {row.start: index for index, row in enumerate(rows)}
    free_from = [0] * MAX_LANES  # for each lane, the first row below its last booking
    groups: list[_Group] = []
    for booking in day.bookings:
        first = index_of[booking.slot]
        last = _last_row(day, index_of, booking)
        lane = next((lane for lane, free in enumerate(free_from) if free <= first), None)
        if last == first or lane is None:
            cells[first].bookings.append(booking)
            continue
        free_from[lane] = last + 1
        cells[first].long_bookings.append(LongBooking(booking, _minutes(rows[first : last + 1]), lane))
        if not groups or first > groups[-1].last:
            groups.append(_Group(first, last))
        groups[-1].add(last, lane)
    for group in groups:
        for cell in cells[group.first : group.last + 1]:
            cell.lanes = group.lanes


def _last_row(day: Day, index_of: Mapping[time, int], booking: Row) -> int:
    """Return the row of the booking's last slot, or its own if the timetable no longer has its slots."""
    if booking.slots == 1:
        return index_of[booking.slot]
    own = [one.slot.start for one in day.slots if one.slot.start >= booking.slot][: booking.slots]
    return index_of[own[-1]] if own and own[0] == booking.slot else index_of[booking.slot]


def _minutes(rows: Sequence[TableRow]) -> int:
    return sum(row.minutes for row in rows)


def _local_end(slot: Slot) -> time:
    """The end of a slot by the clock that its start is of, without clock changes."""
    return time_of_minute(minute_of_day(slot.start) + slot.minutes)


def _occupancy(slots: Sequence[SlotAvailability]) -> Occupancy:
    return Occupancy(sum(one.parties for one in slots), sum(one.slot.capacity for one in slots))


def first_day_of_week(day: date, first_weekday: int) -> date:
    """Return the first day of the week that contains `day`."""
    back = (day.weekday() - first_weekday) % DAYS_A_WEEK
    return day - timedelta(days=back) if day.toordinal() > back else day


def split_into_weeks(days: Sequence[Day]) -> list[list[Day]]:
    return [list(days[start : start + DAYS_A_WEEK]) for start in range(0, len(days), DAYS_A_WEEK)]
