"""Renders the cards of bookings (`templates/bookings/grid/card.html`)."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from bookings.calendar.layout import LongBooking
from bookings.calendar.read_model import Row
from bookings.calendar.rendering.compiled_templates import Value, join
from bookings.calendar.rendering.context import PageContext, start_value
from bookings.calendar.rendering.shapes import PLAIN, LongCardShape, StartsAs, card_shape, length_classes
from core import formats

MIN_SHORTENED: Final = 2
"""A first name of so few letters, or an initial, is not shortened."""


def card(row: Row, page: PageContext, starts_as: StartsAs = "", *, has_two_lines: bool = False) -> SafeString:
    name = row.customer.display_name if row.customer else ""
    short = _short_name(name)
    shape = card_shape(row, page, starts_as, has_short_name=bool(short), has_two_lines=has_two_lines)
    country = page.station.country
    values: dict[str, Value] = {
        "id": str(row.booking_id),
        "date": row.date,
        "slot": start_value(row.slot),
        "version": row.version,
        "page_url": page.page_url,
        "who": name or _("Walk-in"),
        "short_name": short,
        "when": page.when(row.date, row.slot),
    }
    if row.special_requests:
        values["special_requests"] = row.special_requests
    if shape.has_amount_due:
        values["due"] = page.money(row.due_cents)
    if shape.ends_on_other_day:
        values["end"] = formats.format_end(row.date, row.ends_at.astimezone(page.station.zone), country)
    if starts_as == "time":
        values["start"] = page.format(formats.format_time, row.slot)
    if starts_as == "datetime":
        values["start"] = formats.format_datetime(formats.format_short_date(row.date, country), row.slot, country)
    return page.fill("grid/card", shape, values)


def _short_name(name: str) -> str:
    """Return “G. Abernathy” for “George Abernathy”, which is shown where the whole name does not fit; "" for a single word."""
    first, _space, rest = name.partition(" ")
    return f"{first[0]}. {rest}" if rest and len(first) > MIN_SHORTENED else ""


def cards(
    rows: Sequence[Row], page: PageContext, starts_as: StartsAs = "", *, has_two_lines: bool = False
) -> SafeString:
    return join([card(row, page, starts_as, has_two_lines=has_two_lines) for row in rows])


def long_cards(bookings: Sequence[LongBooking], day: date, page: PageContext) -> SafeString:
    """Render the cards of bookings of several slots, which lie over the cells below theirs."""
    return join(
        [
            page.fill(
                "grid/card#long",
                LongCardShape(one.lane, length_classes(one.minutes)),
                {"date": day, "card": card(one.booking, page, has_two_lines=True)},
            )
            for one in bookings
        ]
    )


def card_list(rows: Sequence[Row], page: PageContext, starts_as: StartsAs) -> SafeString:
    """Render the items of a list."""
    return join([page.fill("grid/card#list_item", PLAIN, {"card": card(row, page, starts_as)}) for row in rows])


def unassigned_list(rows: Sequence[Row], page: PageContext) -> SafeString:
    """Render the items of the list of unassigned bookings next to the grid."""
    return card_list(rows, page, "datetime")
