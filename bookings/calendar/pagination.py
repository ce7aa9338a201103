"""Keyset pagination of bookings, in one of the orders of a list."""

# A page starts after a booking, not at an offset: every page costs the same, and bookings that are made or moved
# meanwhile do not shift the others.

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.db.models import Q
from django.utils.translation import gettext as _

from bookings.calendar import read_model
from bookings.calendar.read_model import Row
from bookings.models import Booking
from bookings.models.querysets import BookingQuerySet
from core.errors import Invalid
from stations.access import Person

DEFAULT_PAGE_SIZE: Final = 100
MAX_PAGE_SIZE: Final = 1000
NEXT, PREVIOUS = "n", "p"
Position = tuple[Any, ...]
"""A booking's position in an order: its values of the order's fields."""


class Sort(StrEnum):
    """The orders of a list. Only `created` returns each booking exactly once while bookings are changed: creation times stay."""

    PLACE = "place"
    CREATED = "created"
    UPDATED = "updated"


FIELDS: Final[Mapping[Sort, Sequence[str]]] = {
    Sort.PLACE: ("date", "slot", "created_at", "booking_id"),
    Sort.CREATED: ("created_at", "booking_id"),
    Sort.UPDATED: ("updated_at", "booking_id"),
}
_PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "date": date.fromisoformat,
    "slot": time.fromisoformat,
    "created_at": datetime.fromisoformat,
    "updated_at": datetime.fromisoformat,
    "booking_id": UUID,
}
_COLUMN_NAMES: Final = {"booking_id": "id"}


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and the cursors of the next and previous page, or None where there is none."""

    rows: list[Row]
    next: str | None
    previous: str | None


@dataclass(frozen=True, slots=True)
class Cursors:
    """Writes and reads the signed cursors of one list. They are valid only for the query that they were written for."""

    sort: Sort
    query: str

    def write(self, direction: str, row: Row) -> str:
        position = (getattr(row, name) for name in FIELDS[self.sort])
        text = "|".join([direction, *(str(part) if isinstance(part, UUID) else part.isoformat() for part in position)])
        return self._signer.sign(base64.urlsafe_b64encode(text.encode()).decode().rstrip("="))

    def read(self, cursor: str) -> tuple[str, Position]:
        """Return direction and position. Raises Invalid if the cursor was not written for this list and query."""
        try:
            text = self._signer.unsign(cursor)
        except BadSignature:
            raise Invalid(
                fields={"cursor": [_("Use the cursor from `next` or `previous` of a response to the same query.")]}
            ) from None
        direction, *position = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split("|")
        return direction, tuple(_PARSERS[name](part) for name, part in zip(FIELDS[self.sort], position, strict=True))

    @property
    def _signer(self) -> Signer:
        return Signer(sep=".", salt=f"bookings.calendar.pagination:{self.sort}:{self.query}")


def paginate(
    person: Person,
    bookings: "BookingQuerySet[Booking]",
    cursor: str = "",
    *,
    sort: Sort = Sort.PLACE,
    limit: int = DEFAULT_PAGE_SIZE,
    query: str = "",
) -> Page:
    """Return the first page of `bookings`, or the page of a cursor of the same `query`. Raises Invalid for any other cursor.

    Takes one query. `limit` may change from page to page.
    """
    cursors = Cursors(sort, query)
    direction, position = cursors.read(cursor) if cursor else (NEXT, None)
    ordered = bookings.order_by(*_columns(sort))
    ordered = ordered.filter(_beyond(sort, position, direction)) if position else ordered
    rows = read_model.rows_of(person, (ordered.reverse() if direction == PREVIOUS else ordered)[: limit + 1])
    has_more, rows = len(rows) > limit, rows[:limit]
    has_next, has_previous = (has_more, position is not None) if direction == NEXT else (True, has_more)
    if direction == PREVIOUS:
        rows.reverse()
    if not rows:
        return Page([], None, None)
    return Page(
        rows,
        cursors.write(NEXT, rows[-1]) if has_next else None,
        cursors.write(PREVIOUS, rows[0]) if has_previous else None,
    )


def _columns(sort: Sort) -> list[str]:
    return [_COLUMN_NAMES.get(name, name) for name in FIELDS[sort]]


def _beyond(sort: Sort, position: Position, direction: str) -> Q:
    """Return the condition for bookings after (`NEXT`) or before (`PREVIOUS`) a position: they differ in some field first."""
    than = "gt" if direction == NEXT else "lt"
    [first, *middle], last = list(zip(_columns(sort)[:-1], position[:-1], strict=True)), position[-1]
    beyond = Q(**{f"id__{than}": last})
    for name, value in reversed([first, *middle]):
        beyond = Q(**{f"{name}__{than}": value}) | Q(**{name: value}) & beyond
    # The first field's condition also by itself, so that the database can use an index.
    return Q(**{f"{first[0]}__{than}e": first[1]}) & beyond
