"""A station's calendar as a week and as a month: rows and cells put where a table shows them. No queries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from bookings.calendar.read_model import Cell, Row
from bookings.models.status import HOLDING

WEEK_DAYS = 7
MONTH_DAYS = 6 * WEEK_DAYS
"""The most that a month of whole weeks shows."""


class Load(NamedTuple):
    """How full something is."""

    taken: int
    capacity: int

    @property
    def tenths(self) -> int:
        """0 to 10, for the bar that is drawn of it."""
        return min(10, -(-10 * self.taken // self.capacity)) if self.capacity else 0


@dataclass(frozen=True, slots=True)
class Totals:
    """What a range comes to: parties, guests and cents still due; without the cancelled and those who stand beside the grid."""

    parties: int
    guests: int
    due_cents: int


@dataclass(slots=True)
class Day:
    """A column of the week, a field of the month."""

    date: date
    cells: list[Cell]
    bookings: list[Row]
    is_today: bool
    is_past: bool
    in_month: bool = True

    @property
    def load(self) -> Load:
        """Parties against places in the open slots."""
        opened = [cell for cell in self.cells if not cell.slot.closed]
        return Load(sum(cell.parties for cell in opened), sum(cell.slot.capacity for cell in opened))

    @property
    def is_closed(self) -> bool:
        return all(cell.slot.closed for cell in self.cells)

    @property
    def reason(self) -> str:
        """Why the whole day is closed, where somebody said so."""
        return next((cell.slot.reason for cell in self.cells if cell.slot.reason), "") if self.is_closed else ""

    @property
    def coming(self) -> list[Row]:
        """Its bookings without the cancelled."""
        return [row for row in self.bookings if row.status in HOLDING]


@dataclass(slots=True)
class Square:
    """One slot of one day in the week's table: its cell, who stands in it, and who spans it."""

    day: Day
    start: time
    cell: Cell | None
    bookings: list[Row] = field(default_factory=list)
    spanning: list["Span | None"] = field(default_factory=list)

    def state(self, now: datetime) -> str:
        """One word for the style sheet: `none`, `closed`, `past`, `full` or `open`. No slot of today is `past`: the page greys it
        when it has ended."""
        if self.cell is None:
            return "none"
        if self.cell.slot.closed:
            return "closed"
        if self.day.is_past and self.cell.slot.ends_at <= now:
            return "past"
        return "open" if self.cell.left else "full"

    @property
    def tenths(self) -> int:
        """How full it is, by parties or by guests, whichever is fuller: for the bar that is drawn of it."""
        if self.cell is None:
            return 0
        slot, by_parties = self.cell.slot, Load(self.cell.parties, self.cell.slot.capacity).tenths
        return (
            max(by_parties, Load(self.cell.guests, slot.guest_capacity).tenths) if slot.guest_capacity else by_parties
        )


@dataclass(slots=True)
class Span:
    """A booking of several slots, from the row in which it begins over as many rows as it holds."""

    booking: Row
    rows: int


@dataclass(slots=True)
class Week:
    days: list[Day]
    tracks: dict[date, int]
    """How many columns each day needs beside its first for bookings of several slots."""
    lines: list[tuple[time, list[Square]]]


def days_of(
    dates: Iterable[date],
    cells: Mapping[date, list[Cell]],
    rows: Iterable[Row],
    *,
    today: date,
    month: int | None = None,
) -> list[Day]:
    """The days with their cells and bookings, of which none waits for a place: those stand beside the grid."""
    standing: dict[date, list[Row]] = defaultdict(list)
    for row in rows:
        standing[row.date].append(row)
    return [
        Day(
            day,
            cells.get(day, []),
            standing[day],
            day == today,
            day < today,
            month is None or day.month == month,
        )
        for day in dates
    ]


def totals(days: Iterable[Day]) -> Totals:
    """Of the days, a month's own only."""
    rows = [row for day in days if day.in_month for row in day.coming]
    return Totals(len(rows), sum(row.total_guests for row in rows), sum(row.due_cents for row in rows))


def week(days: Sequence[Day]) -> Week:
    """Days across, every slot that any of them has or any booking stands in down."""
    cells = {(day.date, cell.slot.start): cell for day in days for cell in day.cells}
    starts = {start for _day, start in cells} | {row.slot for day in days for row in day.bookings}
    ordered = sorted(starts)
    squares = {(day.date, start): Square(day, start, cells.get((day.date, start))) for day in days for start in ordered}
    tracks = {day.date: _fill(day, ordered, squares) for day in days}
    lines = [(start, [squares[day.date, start] for day in days]) for start in ordered]
    return Week(list(days), tracks, lines)


def _fill(day: Day, ordered: Sequence[time], squares: Mapping[tuple[date, time], Square]) -> int:
    """Put a day's bookings into its squares; returns how many tracks its longer ones need side by side."""
    free_from: list[int] = []
    placed: list[tuple[int, int, Span]] = []
    for row in day.bookings:
        begin = ordered.index(row.slot)
        rows = len(_spanned(day, ordered[begin:], row)) if row.slots > 1 else 1
        if rows < 2:
            squares[day.date, row.slot].bookings.append(row)
            continue
        track = next((index for index, free in enumerate(free_from) if free <= begin), len(free_from))
        free_from[track : track + 1] = [begin + rows]
        placed.append((begin, track, Span(row, rows)))
    _draw(day, ordered, squares, placed, len(free_from))
    return len(free_from)


def _spanned(day: Day, later: Sequence[time], row: Row) -> list[time]:
    """The rows of the table that a booking of several slots covers: from its own to that of its last slot."""
    own = [cell.slot.start for cell in day.cells if cell.slot.start >= row.slot][: row.slots]
    last = own[-1] if own else row.slot
    return [start for start in later if start <= last]


def _draw(
    day: Day,
    ordered: Sequence[time],
    squares: Mapping[tuple[date, time], Square],
    placed: Sequence[tuple[int, int, Span]],
    tracks: int,
) -> None:
    """For each row and track: the span that begins there, None for an empty field, nothing where one reaches across."""
    covered = {(row, track) for begin, track, span in placed for row in range(begin + 1, begin + span.rows)}
    begins = {(begin, track): span for begin, track, span in placed}
    for index, start in enumerate(ordered):
        squares[day.date, start].spanning = [
            begins.get((index, track)) for track in range(tracks) if (index, track) not in covered
        ]


def first_of_week(day: date, first_weekday: int) -> date:
    """The first day of the week that holds `day`."""
    back = (day.weekday() - first_weekday) % WEEK_DAYS
    return day - timedelta(days=back) if day.toordinal() > back else day


def weeks_of(days: Sequence[Day]) -> list[list[Day]]:
    return [list(days[start : start + WEEK_DAYS]) for start in range(0, len(days), WEEK_DAYS)]
