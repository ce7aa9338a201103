"""How the calendar's templates put things."""

from datetime import date, time
from typing import Final

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from bookings import cards
from bookings.calendar import Cell, Row
from bookings.forms import describe
from bookings.grids import Square
from bookings.workflow import Status
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
FIGURE: Final = '<span aria-hidden="true">{}/{}</span><span class="visually-hidden">{}</span>'


@register.filter
def mark(status: str) -> str:
    return MARKS[Status(status)]


@register.filter
def status_word(status: str) -> str:
    return str(Status(status).label)


@register.simple_tag(takes_context=True)
def card(context: template.Context, row: Row, when: cards.When = "") -> SafeString:
    """A booking in the grid, told its time where the place in the grid does not."""
    return cards.booking(row, context["cards"], roomy=bool(context.get("roomy")) and when != "dated", when=when)


@register.simple_tag(takes_context=True)
def square(context: template.Context, one: Square) -> SafeString:
    """The beginning of a slot's cell, up to its bookings."""
    return cards.square(one, context["cards"])


@register.simple_tag
def figure(taken: int, capacity: int) -> SafeString:
    """“2/3” for the eye, “2 of 3” for the ear."""
    return format_html(FIGURE, taken, capacity, cards.of(taken, capacity))


@register.filter
def told(cell: Cell) -> str:
    return describe(cell)


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
