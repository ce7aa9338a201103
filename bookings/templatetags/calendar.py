"""How the calendar's templates put things."""

from datetime import date, datetime, time
from typing import Final

from django import template
from django.utils.translation import gettext as _

from bookings.calendar import Cell, Row
from bookings.forms import describe
from bookings.grids import Load
from bookings.workflow import RESCHEDULABLE, Status
from stations import wording
from stations.models import Station

register = template.Library()

MARKS: Final = {
    Status.PENDING: "?",
    Status.CONFIRMED: "✓",
    Status.ARRIVED: "●",
    Status.COMPLETED: "■",
    Status.NO_SHOW: "∅",
    Status.CANCELLED: "✕",
}
"""A status is told by sign and word as well as by colour."""


@register.filter
def mark(status: str) -> str:
    return MARKS[Status(status)]


@register.filter
def status_word(status: str) -> str:
    return str(Status(status).label)


@register.filter
def movable(row: Row) -> bool:
    return row.status in RESCHEDULABLE


@register.filter
def fill(cell: Cell) -> str:
    """“2 of 3”: parties."""
    return _("%(taken)d of %(capacity)d") % {"taken": cell.parties, "capacity": cell.slot.capacity}


@register.filter
def seats(cell: Cell) -> str:
    """“7 of 20”: guests, where they are limited; else nothing."""
    if cell.slot.guest_capacity is None:
        return ""
    return _("%(taken)d of %(capacity)d") % {"taken": cell.guests, "capacity": cell.slot.guest_capacity}


@register.filter
def told(cell: Cell) -> str:
    return describe(cell)


@register.filter
def is_now(cell: Cell | None, now: datetime) -> bool:
    return cell is not None and cell.slot.starts_at <= now < cell.slot.ends_at


@register.filter
def tenths(cell: Cell) -> int:
    """How full a slot is, for the bar that is drawn of it."""
    return Load(cell.parties, cell.slot.capacity).tenths


@register.filter
def money(cents: int, station: Station) -> str:
    return wording.money(cents, station.currency, station.country)


@register.filter
def clock(start: time, station: Station) -> str:
    return wording.clock(start, station.country)


register.filter("weekday", wording.weekday)


@register.filter
def short_day(day: date, station: Station) -> str:
    return wording.short_day(day, station.country)


@register.filter
def dated_day(day: date, station: Station) -> str:
    return wording.dated_day(day, station.country)


@register.filter
def long_day(day: date, station: Station) -> str:
    return wording.long_day(day, station.country)


@register.filter
def full_day(day: date, station: Station) -> str:
    return wording.full_day(day, station.country)


@register.filter
def month_name(day: date, station: Station) -> str:
    return wording.month(day, station.country)


@register.simple_tag
def span(first: date, last: date, station: Station) -> str:
    return wording.span(first, last, station.country)


@register.filter
def at(mapping: dict[object, object], key: object) -> object:
    return mapping[key]


@register.simple_tag
def step_label(now: str, to: Status) -> str:
    """What the button of a step says."""
    if now == Status.CANCELLED:
        return _("Restore as %(status)s") % {"status": to.label}
    return str(
        {
            Status.CONFIRMED: _("Confirm") if now == Status.PENDING else _("Back to confirmed"),
            Status.ARRIVED: _("Arrived"),
            Status.COMPLETED: _("Completed"),
            Status.NO_SHOW: _("No-show"),
            Status.CANCELLED: _("Cancel booking"),
        }[to]
    )
