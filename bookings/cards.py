"""What a grid is made of: the card of each booking, the square of each slot. How they look is said by their templates
(`templates/bookings/_booking.html`, `_square.html`); here is what they say."""

from dataclasses import dataclass
from datetime import datetime, time
from functools import lru_cache
from typing import Literal
from urllib.parse import quote

from django.template.defaultfilters import linebreaksbr
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from bookings import moulds
from bookings.calendar import Cell, Row, clock
from bookings.forms import describe
from bookings.grids import Load, Square
from bookings.moulds import KEPT
from bookings.workflow import RESCHEDULABLE
from stations import wording
from stations.models import Station

When = Literal["", "timed", "dated"]
"""Whether a card tells its time, or its day too, where its place in the grid does not."""


@dataclass(frozen=True, slots=True)
class Page:
    """What all of one page share."""

    station: Station
    here: str
    now: datetime
    may_change: bool


@dataclass(frozen=True, slots=True)
class CardShape:
    """All that a card's markup hangs on."""

    status: str
    guests: int
    is_somebody: bool
    has_wishes: bool
    is_due: bool
    movable: bool
    roomy: bool
    when: When


def booking(row: Row, page: Page, *, roomy: bool, when: When) -> SafeString:
    """A booking's card."""
    wishes, country = row.special_requests, page.station.country
    shape = CardShape(
        status=row.status,
        guests=row.total_guests,
        is_somebody=row.customer is not None,
        has_wishes=bool(wishes),
        is_due=roomy and bool(row.balance_due_cents),
        movable=page.may_change and row.status in RESCHEDULABLE,
        roomy=roomy,
        when=when,
    )
    values = {
        "id": str(row.booking_id),
        "date": row.date.isoformat(),
        "slot": clock(row.slot),
        "version": str(row.version),
        "day": escape(wording.short_day(row.date, country)) if when == "dated" else "",
        "clock": escape(wording.clock(row.slot, country)) if when else "",
        "name": escape(row.customer.called) if row.customer else "",
        "wishes": escape(wishes) if wishes else "",
        "wish_lines": linebreaksbr(wishes) if wishes and roomy else "",
        "due": escape(wording.money(row.balance_due_cents, page.station.currency, country)) if shape.is_due else "",
        "here": quote(page.here, safe=""),
    }
    return moulds.fill("bookings/_booking.html", shape, values)


@dataclass(frozen=True, slots=True)
class SquareShape:
    """All that a square's markup hangs on."""

    state: str
    is_today: bool
    is_now: bool
    is_over: bool
    has_slot: bool
    idle: bool
    closed: bool
    counts_guests: bool
    may_add: bool


def square(one: Square, page: Page) -> SafeString:
    """A slot of the week: how full it is, and the way to a new booking in it."""
    day, cell, state = one.day, one.cell, one.state
    is_over = cell is not None and cell.slot.ends_at <= page.now
    shape = SquareShape(
        state=state,
        is_today=day.is_today,
        is_now=day.is_today and not is_over and cell is not None and cell.slot.starts_at <= page.now,
        is_over=day.is_today and is_over,
        has_slot=cell is not None,
        idle=cell is not None and not cell.parties,
        closed=state == "closed",
        counts_guests=cell is not None and cell.slot.guest_capacity is not None,
        may_add=page.may_change and state == "open" and not is_over,
    )
    return moulds.fill("bookings/_square.html", shape, _told(one.start, cell, page) if cell else {})


def _told(start: time, cell: Cell, page: Page) -> dict[str, str]:
    slot, country = cell.slot, page.station.country
    return {
        "date": slot.date.isoformat(),
        "slot": clock(start),
        "starts": slot.starts_at.isoformat(),
        "ends": slot.ends_at.isoformat(),
        "why": escape(describe(cell)) if slot.closed else "",
        "load": str(cell.parties),
        "capacity": str(slot.capacity),
        "load_words": of(cell.parties, slot.capacity),
        "guests": str(cell.guests),
        "seats": str(slot.guest_capacity),
        "seat_words": of(cell.guests, slot.guest_capacity or 0),
        "station": quote(page.station.code, safe="/"),
        "day": escape(wording.long_day(slot.date, country)),
        "time": escape(wording.clock(start, country)),
        "tenths": str(tenths(cell)),
    }


def of(taken: int, capacity: int) -> str:
    """“2 of 3”, for the ear."""
    return _of(taken, capacity, get_language())


@lru_cache(KEPT)
def _of(taken: int, capacity: int, language: str | None) -> str:
    return escape(_("%(taken)d of %(capacity)d") % {"taken": taken, "capacity": capacity})


def tenths(cell: Cell) -> int:
    """How full a slot is, by parties or by guests, whichever is fuller: for the bar that is drawn of it."""
    by_guests = Load(cell.guests, cell.slot.guest_capacity or 0)
    return max(Load(cell.parties, cell.slot.capacity).tenths, by_guests.tenths)
