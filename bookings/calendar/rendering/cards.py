"""Renders the cards of bookings (`templates/bookings/grid/card.html`)."""

from collections.abc import Sequence

from django.template.defaultfilters import linebreaksbr
from django.utils.safestring import SafeString

from bookings.calendar.read_model import Row
from bookings.calendar.rendering.compiled_templates import Value, join
from bookings.calendar.rendering.context import PageContext, start_value
from bookings.calendar.rendering.shapes import PLAIN, StartsAs, card_shape
from core import formats


def card(row: Row, page: PageContext, starts_as: StartsAs = "") -> SafeString:
    shape = card_shape(row, page, starts_as)
    values: dict[str, Value] = {
        "id": str(row.booking_id),
        "date": row.date,
        "slot": start_value(row.slot),
        "version": row.version,
        "page_url": page.page_url,
    }
    if row.customer:
        values["name"] = row.customer.display_name
    if row.special_requests:
        values["special_requests"] = row.special_requests
        values["special_requests_lines"] = linebreaksbr(row.special_requests) if shape.is_roomy else ""
    if shape.has_amount_due:
        values["due"] = page.money(row.due_cents)
    country = page.station.country
    if shape.ends_on_other_day:
        values["end"] = formats.format_end(row.date, row.ends_at.astimezone(page.station.zone), country)
    if starts_as == "time":
        values["start"] = page.format(formats.format_time, row.slot)
    if starts_as == "datetime":
        values["start"] = formats.format_datetime(formats.format_short_date(row.date, country), row.slot, country)
    return page.fill("grid/card", shape, values)


def cards(rows: Sequence[Row], page: PageContext, starts_as: StartsAs = "") -> SafeString:
    return join([card(row, page, starts_as) for row in rows])


def card_list(rows: Sequence[Row], page: PageContext, starts_as: StartsAs) -> SafeString:
    """Render the items of a list."""
    return join([page.fill("grid/card#list_item", PLAIN, {"card": card(row, page, starts_as)}) for row in rows])


def unassigned_list(rows: Sequence[Row], page: PageContext) -> SafeString:
    """Render the items of the list of unassigned bookings next to the grid."""
    return card_list(rows, page, "datetime")
