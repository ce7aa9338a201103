"""The shapes of the calendar's templates: everything that their markup depends on, and nothing personal."""

from datetime import date
from typing import Final, Literal, NamedTuple

from bookings.calendar.layout import Cell, Day, Totals
from bookings.calendar.read_model import Row
from bookings.calendar.rendering.context import PageContext
from bookings.models.status import RESCHEDULABLE, Status
from core.limits import PARTY_SIZES

StartsAs = Literal["", "time", "datetime"]
"""What a card says of its start: what cannot be seen from its cell."""


class PlainShape(NamedTuple):
    """A template that always looks the same."""


PLAIN = PlainShape()


class CardShape(NamedTuple):
    """A booking's card."""

    status: str
    guests: int
    """A number, because languages have different plural forms."""
    has_short_name: bool
    has_special_requests: bool
    has_amount_due: bool
    ends_on_other_day: bool
    is_movable: bool
    is_roomy: bool
    has_second_line: bool
    starts_as: StartsAs


def card_shape(
    row: Row, page: PageContext, starts_as: StartsAs, *, has_short_name: bool, has_two_lines: bool
) -> CardShape:
    is_roomy = page.is_roomy and starts_as != "datetime"
    has_room = is_roomy or has_two_lines
    has_special_requests = bool(row.special_requests)
    has_amount_due = has_room and page.may_change and bool(row.due_cents)
    ends_on_other_day = has_room and row.ends_at.astimezone(page.station.zone).date() != row.date
    return CardShape(
        row.status,
        row.total_guests,
        has_short_name,
        has_special_requests,
        has_amount_due,
        ends_on_other_day,
        page.may_change and row.status in RESCHEDULABLE,
        is_roomy,
        is_roomy or (has_room and (has_special_requests or has_amount_due or ends_on_other_day)),
        starts_as,
    )


class LongCardShape(NamedTuple):
    """Where the card of a booking of several slots is."""

    lane: int
    length: str
    """As `length_classes` returns it."""


class SlotTableShape(NamedTuple):
    """The table of a week or a day."""

    is_roomy: bool
    has_rows: bool
    hour_steps: int
    length: str
    """Of all rows, as `length_classes` returns it."""
    earlier_parties: int | None = None
    """The parties of the part of the day that has passed, which is folded into one line; None if there is no such part."""


class RowShape(NamedTuple):
    """A row of the week's table."""

    length: str
    """As `length_classes` returns it."""


class BreakShape(NamedTuple):
    """The row of a break."""

    columns: int


def length_classes(minutes: int) -> str:
    """Return the CSS classes of a length, such as `h1 m30`: styles cannot be in attributes, and a height is not known before."""
    hours, minutes = divmod(minutes, 60)
    return f"h{hours} m{minutes}" if minutes else f"h{hours}"


class CellShape(NamedTuple):
    """A cell of the week's table."""

    state: str
    """As `bookings.calendar.layout.Cell.state` returns it."""
    lanes: int
    has_bookings: bool
    is_today: bool
    is_live: bool = False
    """Whether the slot can start or end while the page is open: it is today's, or yesterday's and runs past midnight."""
    is_now: bool = False
    is_over: bool = False
    has_slot: bool = False
    is_empty: bool = False
    counts_guests: bool = False
    may_add: bool = False
    level: int = 0


def cell_shape(cell: Cell, page: PageContext) -> CellShape:
    state, day, availability = cell.state(page.now), cell.day, cell.availability
    if availability is None:
        return CellShape(state, cell.lanes, bool(cell.bookings), day.is_today)
    slot = availability.slot
    is_over = slot.ends_at <= page.now
    is_live = day.is_today or (day.is_past and not is_over)
    return CellShape(
        state,
        cell.lanes,
        bool(cell.bookings),
        day.is_today,
        is_live,
        is_now=is_live and not is_over and slot.starts_at <= page.now,
        is_over=is_live and is_over,
        has_slot=True,
        is_empty=not availability.parties,
        counts_guests=slot.guest_capacity is not None,
        may_add=page.may_book and state == "open" and not is_over,
        level=cell.occupancy_level,
    )


class PeriodShape(NamedTuple):
    """How full a part of a day is."""

    level: int
    is_full: bool


class DayShape(NamedTuple):
    """A day in any of the views."""

    is_today: bool
    is_past: bool
    in_month: bool
    is_closed: bool
    is_empty: bool
    has_slots: bool
    has_closure_reason: bool
    has_bookings: bool
    hidden_count: int
    """How many bookings of a month's day are shown only on request."""


def day_shape(day: Day, hidden_count: int = 0) -> DayShape:
    is_closed = day.is_closed
    return DayShape(
        day.is_today,
        day.is_past,
        day.in_month,
        is_closed,
        not is_closed and not day.occupancy.taken,
        bool(day.slots),
        bool(day.closure_reason),
        bool(day.bookings),
        hidden_count,
    )


class MonthShape(NamedTuple):
    """The table of a month."""

    first_weekday: int
    """0 is Monday."""


class TotalsShape(NamedTuple):
    """The line of totals. Numbers, because languages have different plural forms."""

    parties: int
    guests: int
    shows_due: bool
    """False for those who may not change bookings: they collect no money."""


def totals_shape(totals: Totals, page: PageContext) -> TotalsShape:
    return TotalsShape(totals.parties, totals.guests, page.may_change)


class DoorShape(NamedTuple):
    """The lists of the door."""

    may_book: bool
    party_sizes: tuple[int, ...] = tuple(PARTY_SIZES)


class DoorListShape(NamedTuple):
    """The parties that are due, here or gone."""

    name: str
    has_rows: bool


class DoorRowShape(NamedTuple):
    """A booking at the door."""

    status: str
    steps: tuple[str, ...]
    """The statuses that its buttons lead to, the most usual first."""
    may_change: bool
    has_fewer: bool
    """Whether the party can be a guest smaller."""
    has_special_requests: bool
    has_amount_due: bool


_DOOR_STEPS: Final[dict[str, tuple[str, ...]]] = {
    Status.PENDING: (Status.ARRIVED,),
    Status.CONFIRMED: (Status.ARRIVED, Status.NO_SHOW),
    Status.ARRIVED: (Status.COMPLETED,),
    Status.COMPLETED: (Status.ARRIVED,),
    Status.NO_SHOW: (Status.ARRIVED,),
}


def door_row_shape(row: Row, today: date, page: PageContext) -> DoorRowShape:
    return DoorRowShape(
        row.status,
        _DOOR_STEPS.get(row.status, ()) if page.may_change and row.date <= today else (),
        page.may_change,
        row.total_guests > max(1, row.party_kids),
        bool(row.special_requests),
        page.may_change and bool(row.due_cents),
    )
