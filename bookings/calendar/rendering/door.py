"""Renders the page of the door (`templates/bookings/grid/door.html`)."""

from collections.abc import Sequence
from datetime import date

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from bookings.calendar.door import DoorList, minutes_late
from bookings.calendar.read_model import Row
from bookings.calendar.rendering.compiled_templates import Value, join
from bookings.calendar.rendering.context import PageContext, start_value
from bookings.calendar.rendering.shapes import DoorListShape, DoorShape, door_row_shape
from core import formats


def door(lists: Sequence[DoorList], today: date, page: PageContext) -> SafeString:
    rendered = [_list(one, today, page) for one in lists]
    return page.fill("grid/door#lists", DoorShape(page.may_book), {"lists": join(rendered)})


def _list(one: DoorList, today: date, page: PageContext) -> SafeString:
    values: dict[str, Value] = {
        "parties": len(one.rows),
        "guests": sum(row.total_guests for row in one.rows),
        "rows": join([_row(row, today, page) for row in one.rows]),
    }
    return page.fill("grid/door#list", DoorListShape(one.name, bool(one.rows)), values)


def _row(row: Row, today: date, page: PageContext) -> SafeString:
    shape = door_row_shape(row, today, page)
    late = minutes_late(row, page.now)
    values: dict[str, Value] = {
        "id": str(row.booking_id),
        "date": row.date,
        "slot": start_value(row.slot),
        "version": row.version,
        "guests": row.total_guests,
        "fewer": row.total_guests - 1,
        "more": row.total_guests + 1,
        "who": row.customer.display_name if row.customer else _("Walk-in"),
        "start": page.format(formats.format_time, row.slot),
        "starts_at": row.starts_at.isoformat(),
        "late": _late(late) if late else "",
        "special_requests": row.special_requests or "",
        "due": page.money(row.due_cents) if shape.has_amount_due else "",
    }
    return page.fill("grid/door#row", shape, values)


def _late(minutes: int) -> str:
    """Return “12 min late”, “1 h 5 min late”; `static/js/door.js` counts on."""
    hours, rest = divmod(minutes, 60)
    if hours:
        return _("{hours} h {minutes} min late").format(hours=hours, minutes=rest)
    return _("{minutes} min late").format(minutes=minutes)
