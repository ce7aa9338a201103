"""What a grid is made of: the card of each booking, the square of each slot. How they look is said by their templates
(`templates/bookings/grid/_booking.html`, `_square.html`); here is what they say."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from html import escape
from typing import Any, Literal, NamedTuple

from django.template.defaultfilters import linebreaksbr
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from bookings.calendar.layout import Square
from bookings.calendar.read_model import Cell, Row, clock
from bookings.calendar.rendering import compiled_templates
from bookings.calendar.rendering.compiled_templates import CACHE_SIZE, Value, join
from bookings.forms import describe
from bookings.models.status import RESCHEDULABLE
from core import formats
from stations.models import Station

When = Literal["", "timed", "dated"]
"""Whether a card tells its time, or its day too, where its place in the grid does not."""


@dataclass(frozen=True, slots=True)
class Page:
    """What all of one page share."""

    station: Station
    code: str
    """The station's, as it stands in addresses."""
    here: str
    """The page's own address, as it stands in others."""
    now: datetime
    may_change: bool
    may_book: bool
    """At a station that takes bookings."""
    language: str
    roomy: bool = False
    """Whether cards have room for more than a name."""

    def fill(self, template: str, shape: Any, values: dict[str, Value]) -> SafeString:
        return compiled_templates.fill(template, shape, values, self.language)

    def say(self, how: Callable[[Any, str], str], what: date | time) -> SafeString:
        """A day or a clock in the words of `core.formats`, as HTML; looked up once for all that ask."""
        return _format(how, what, self.station.country, self.language)

    def of(self, taken: int, capacity: int) -> SafeString:
        """“2 of 3”, for the ear."""
        return _of(taken, capacity, self.language)

    def money(self, cents: int) -> str:
        return formats.format_money(cents, self.station.currency, self.station.country)


@lru_cache(CACHE_SIZE)
def _format(how: Callable[[Any, str], str], what: date | time, country: str, language: str) -> SafeString:
    return SafeString(escape(how(what, country)))


@lru_cache(CACHE_SIZE)
def _of(taken: int, capacity: int, language: str) -> SafeString:
    return SafeString(escape(_("%(taken)d of %(capacity)d") % {"taken": taken, "capacity": capacity}))


class CardShape(NamedTuple):
    """All that a card's markup hangs on."""

    status: str
    guests: int
    is_somebody: bool
    has_wishes: bool
    is_due: bool
    ends_later: bool
    """On another day."""
    movable: bool
    roomy: bool
    when: When


def booking(row: Row, page: Page, when: When = "") -> SafeString:
    """A booking's card."""
    wishes, customer, roomy = row.special_requests, row.customer, page.roomy and when != "dated"
    movable = page.may_change and row.status in RESCHEDULABLE
    is_due = roomy and page.may_change and bool(row.due_cents)
    end = row.ends_at.astimezone(page.station.zone) if roomy else None
    ends_later = end is not None and end.date() != row.date
    shape = CardShape(
        row.status, row.total_guests, customer is not None, bool(wishes), is_due, ends_later, movable, roomy, when
    )
    values: dict[str, Value] = {
        "id": row.booking_id,
        "date": row.date,
        "slot": clock(row.slot),
        "version": row.version,
        "here": page.here,
    }
    if customer:
        values["name"] = customer.display_name
    if wishes:
        values |= {"wishes": wishes, "wish_lines": linebreaksbr(wishes) if roomy else ""}
    if is_due:
        values["due"] = page.money(row.due_cents)
    if end and ends_later:
        values["end"] = formats.format_end(row.date, end, page.station.country)
    if when == "timed":
        values["time"] = page.say(formats.format_time, row.slot)
    if when == "dated":
        country = page.station.country
        values["time"] = formats.format_datetime(formats.format_short_date(row.date, country), row.slot, country)
    return page.fill("grid/_booking", shape, values)


class SquareShape(NamedTuple):
    """All that a square's markup hangs on."""

    state: str
    has_parties: bool
    is_today: bool
    is_timed: bool = False
    """Whether it can begin or end while somebody looks: today's slots, and those of yesterday that run past midnight."""
    is_now: bool = False
    is_over: bool = False
    has_slot: bool = False
    is_idle: bool = False
    counts_guests: bool = False
    may_add: bool = False


def square(one: Square, page: Page) -> SafeString:
    """A slot of the week: how full it is, the way to a new booking in it, and who stands in it."""
    day, cell, state = one.day, one.cell, one.state(page.now)
    values: dict[str, Value] = {"parties": join([booking(row, page) for row in one.bookings])}
    shape = SquareShape(state, bool(one.bookings), day.is_today)
    if cell:
        is_over = cell.slot.ends_at <= page.now
        is_timed = day.is_today or (day.is_past and not is_over)
        shape = SquareShape(
            state,
            bool(one.bookings),
            day.is_today,
            is_timed=is_timed,
            is_now=is_timed and not is_over and cell.slot.starts_at <= page.now,
            is_over=is_timed and is_over,
            has_slot=True,
            is_idle=not cell.parties,
            counts_guests=cell.slot.guest_capacity is not None,
            may_add=page.may_book and state == "open" and not is_over,
        )
        values |= _cell_values(one, cell, shape, page)
    return page.fill("grid/_square", shape, values)


def _cell_values(one: Square, cell: Cell, shape: SquareShape, page: Page) -> dict[str, Value]:
    slot = cell.slot
    values: dict[str, Value] = {"date": slot.date, "slot": clock(slot.start)}
    if shape.is_timed:
        values |= {"starts": slot.starts_at.isoformat(), "ends": slot.ends_at.isoformat()}
    if slot.closed:
        return values | {"why": describe(cell)}
    values |= {"load": cell.parties, "capacity": slot.capacity, "load_words": page.of(cell.parties, slot.capacity)}
    values["tenths"] = one.tenths
    if (seats := slot.guest_capacity) is not None:
        values |= {"guests": cell.guests, "seats": seats, "seat_words": page.of(cell.guests, seats)}
    if shape.may_add:
        day, start = page.say(formats.format_long_date, slot.date), page.say(formats.format_time, slot.start)
        values |= {"station": page.code, "day": day, "time": start}
    return values
