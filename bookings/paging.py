"""Bookings a page at a time, in the calendar's order.

A page begins beyond a booking, not at a number: it costs the same however far one has come, and what is booked or moved
meanwhile shifts nothing else.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from bookings import calendar
from bookings.calendar import Row
from bookings.models import Booking
from bookings.querysets import BookingQuerySet
from stations.errors import Invalid
from stations.querysets import Person

PAGE = 100
NEXT, PREVIOUS = "n", "p"
Mark = tuple[date, time, datetime, UUID]
"""Where a booking stands in the order."""


@dataclass(frozen=True, slots=True)
class Page:
    """At most `PAGE` rows, and the cursors of the pages after and before, where there are such."""

    rows: list[Row]
    next: str | None
    previous: str | None


def page(person: Person, found: "BookingQuerySet[Booking]", cursor: str = "") -> Page:
    """The first page of `found`, or the one that a cursor names. One query. Raises Invalid for a cursor that is none."""
    direction, mark = _read(cursor) if cursor else (NEXT, None)
    ordered = found.filter(_beyond(mark, direction)).in_order() if mark else found.in_order()
    rows = calendar.read(person, (ordered.reverse() if direction == PREVIOUS else ordered)[: PAGE + 1])
    more, rows = len(rows) > PAGE, rows[:PAGE]
    after, before = (more, mark is not None) if direction == NEXT else (True, more)
    if direction == PREVIOUS:
        rows.reverse()
    if not rows:
        return Page([], None, None)
    last, first = _mark(rows[-1]), _mark(rows[0])
    return Page(rows, _cursor(NEXT, last) if after else None, _cursor(PREVIOUS, first) if before else None)


def _beyond(mark: Mark, direction: str) -> Q:
    day, slot, made, pk = mark
    than = "gt" if direction == NEXT else "lt"
    later_that_slot = Q(**{f"created_at__{than}": made}) | Q(**{"created_at": made, f"pk__{than}": pk})
    later_that_day = Q(**{f"slot__{than}": slot}) | Q(slot=slot) & later_that_slot
    return Q(**{f"date__{than}e": day}) & (Q(**{f"date__{than}": day}) | later_that_day)


def _mark(row: Row) -> Mark:
    return row.date, row.slot, row.created_at, row.booking_id


def _cursor(direction: str, mark: Mark) -> str:
    day, slot, made, pk = mark
    text = "|".join([direction, *(part.isoformat() for part in (day, slot, made)), str(pk)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[str, Mark]:
    """Direction and mark. Raises Invalid for all but the one spelling in which they were given."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        direction, day, slot, made, pk = text.split("|")
        mark = (
            date.fromisoformat(day),
            time.fromisoformat(slot).replace(tzinfo=None),
            datetime.fromisoformat(made).astimezone(UTC),
            UUID(pk),
        )
        if direction not in (NEXT, PREVIOUS) or _cursor(direction, mark) != cursor:
            raise ValueError
    except (ValueError, OverflowError):
        raise Invalid(fields={"cursor": [_("Take the cursor from `next` or `previous` of an answer.")]}) from None
    return direction, mark
