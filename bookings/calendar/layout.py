"""Which slots and bookings are in which cell of a calendar, without HTML and without queries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from bookings.calendar.read_model import Row, SlotAvailability
from bookings.models.status import HOLDING

WEEK_DAYS = 7
MONTH_DAYS = 6 * WEEK_DAYS
"""The most days that a month in whole weeks shows."""


class Occupancy(NamedTuple):
    """How many of a slot's or a day's places are taken."""

    taken: int
    capacity: int

    @property
    def level(self) -> int:
        """0 (empty) to 10 (full), rounded up, for a meter."""
        return min(10, -(-10 * self.taken // self.capacity)) if self.capacity else 0


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
        opened = [one for one in self.slots if not one.slot.closed]
        self.occupancy = Occupancy(sum(one.parties for one in opened), sum(one.slot.capacity for one in opened))
        self.is_closed = not opened

    @property
    def closure_reason(self) -> str:
        """Why the whole day is closed, if a reason was given."""
        return next((one.slot.reason for one in self.slots if one.slot.reason), "") if self.is_closed else ""

    @property
    def active_bookings(self) -> list[Row]:
        return [row for row in self.bookings if row.status in HOLDING]


@dataclass(slots=True)
class Cell:
    """The cell of a day and a start in the week's table, and the cells next to it in the same row and day."""

    day: Day
    start: time
    availability: SlotAvailability | None
    """None if the day has no slot at this start."""
    bookings: list[Row] = field(default_factory=list)
    spanning: list["SpanningBooking | None"] = field(default_factory=list)
    """One for each further column of the day that has a cell in this row: a booking that starts here, or None if it is empty."""

    def state(self, now: datetime) -> str:
        """Return `none`, `closed`, `past`, `full` or `open`. Today's slots are never `past`: the page marks them as they end."""
        if self.availability is None:
            return "none"
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
class SpanningBooking:
    """A booking of several slots and the number of table rows that its cell spans."""

    booking: Row
    rows: int


@dataclass(slots=True)
class WeekTable:
    """Days across, starts down."""

    days: list[Day]
    extra_columns: dict[date, int]
    """How many columns each day needs for bookings of several slots, besides its first."""
    rows: list[tuple[time, list[Cell]]]
    """Each start with its cells, one for each day."""


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
    cells = {(day.date, start): Cell(day, start, slots.get((day.date, start))) for day in days for start in starts}
    extra_columns = {day.date: _place_bookings(day, starts, cells) for day in days}
    rows = [(start, [cells[day.date, start] for day in days]) for start in starts]
    return WeekTable(list(days), extra_columns, rows)


class _Placed(NamedTuple):
    """A spanning booking with its first row and its column, both counted from 0."""

    row: int
    column: int
    booking: SpanningBooking


def _place_bookings(day: Day, starts: Sequence[time], cells: Mapping[tuple[date, time], Cell]) -> int:
    """Put a day's bookings into its cells; return how many columns those of several slots need side by side."""
    free_from: list[int] = []  # for each column, the first row below its last booking
    placed: list[_Placed] = []
    for booking in day.bookings:
        first = starts.index(booking.slot)
        height = _height(day, starts[first:], booking) if booking.slots > 1 else 1
        if height < 2:
            cells[day.date, booking.slot].bookings.append(booking)
            continue
        column = next((index for index, free in enumerate(free_from) if free <= first), len(free_from))
        free_from[column : column + 1] = [first + height]
        placed.append(_Placed(first, column, SpanningBooking(booking, height)))
    _fill_columns(day, starts, cells, placed, len(free_from))
    return len(free_from)


def _height(day: Day, starts: Sequence[time], booking: Row) -> int:
    """Return how many rows a booking covers, from its own, the first of `starts`, to that of its last slot."""
    own = [one.slot.start for one in day.slots if one.slot.start >= booking.slot][: booking.slots]
    last = own[-1] if own else booking.slot
    return sum(start <= last for start in starts)


def _fill_columns(
    day: Day,
    starts: Sequence[time],
    cells: Mapping[tuple[date, time], Cell],
    placed: Sequence[_Placed],
    columns: int,
) -> None:
    """Set `Cell.spanning` for each row: HTML has no cell where one from a row above reaches down."""
    covered = {(row, one.column) for one in placed for row in range(one.row + 1, one.row + one.booking.rows)}
    starting = {(one.row, one.column): one.booking for one in placed}
    for row, start in enumerate(starts):
        cells[day.date, start].spanning = [
            starting.get((row, column)) for column in range(columns) if (row, column) not in covered
        ]


def first_day_of_week(day: date, first_weekday: int) -> date:
    """Return the first day of the week that contains `day`."""
    back = (day.weekday() - first_weekday) % WEEK_DAYS
    return day - timedelta(days=back) if day.toordinal() > back else day


def split_into_weeks(days: Sequence[Day]) -> list[list[Day]]:
    return [list(days[start : start + WEEK_DAYS]) for start in range(0, len(days), WEEK_DAYS)]
