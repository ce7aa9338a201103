"""Bookings a page at a time, in one of the orders of a list.

A page begins beyond a booking, not at a number: it costs the same however far one has come, and what is booked or moved
meanwhile shifts nothing else.
"""

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

PAGE: Final = 100
LONGEST_PAGE: Final = 1000
NEXT, PREVIOUS = "n", "p"
Mark = tuple[Any, ...]
"""Where a booking stands in an order: its values of the order's fields."""


class Sort(StrEnum):
    """The orders of a list. The moment of creation never changes, so that nothing is missed or met twice by `created`."""

    PLACE = "place"
    CREATED = "created"
    UPDATED = "updated"


FIELDS: Final[Mapping[Sort, Sequence[str]]] = {
    Sort.PLACE: ("date", "slot", "created_at", "booking_id"),
    Sort.CREATED: ("created_at", "booking_id"),
    Sort.UPDATED: ("updated_at", "booking_id"),
}
_READ: Final[Mapping[str, Callable[[str], Any]]] = {
    "date": date.fromisoformat,
    "slot": time.fromisoformat,
    "created_at": datetime.fromisoformat,
    "updated_at": datetime.fromisoformat,
    "booking_id": UUID,
}
_COLUMNS: Final = {"booking_id": "id"}


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and the cursors of the pages after and before, where there are such."""

    rows: list[Row]
    next: str | None
    previous: str | None


@dataclass(frozen=True, slots=True)
class Cursors:
    """Cursors of one list: signed, and good for no other query than the one that they were given for."""

    sort: Sort
    query: str

    def write(self, direction: str, row: Row) -> str:
        mark = (getattr(row, name) for name in FIELDS[self.sort])
        text = "|".join([direction, *(str(part) if isinstance(part, UUID) else part.isoformat() for part in mark)])
        return self._signer.sign(base64.urlsafe_b64encode(text.encode()).decode().rstrip("="))

    def read(self, cursor: str) -> tuple[str, Mark]:
        """Direction and mark. Raises Invalid for all that this list has not given."""
        try:
            text = self._signer.unsign(cursor)
        except BadSignature:
            raise Invalid(
                fields={"cursor": [_("Use the cursor from `next` or `previous` of a response to the same query.")]}
            ) from None
        direction, *mark = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split("|")
        return direction, tuple(_READ[name](part) for name, part in zip(FIELDS[self.sort], mark, strict=True))

    @property
    def _signer(self) -> Signer:
        return Signer(sep=".", salt=f"bookings.calendar.pagination:{self.sort}:{self.query}")


def page(
    person: Person,
    found: "BookingQuerySet[Booking]",
    cursor: str = "",
    *,
    sort: Sort = Sort.PLACE,
    limit: int = PAGE,
    query: str = "",
) -> Page:
    """The first page of `found`, or the one that a cursor of the same `query` names. Raises Invalid for any other cursor.

    One statement. `limit` may change from page to page.
    """
    cursors = Cursors(sort, query)
    direction, mark = cursors.read(cursor) if cursor else (NEXT, None)
    ordered = found.order_by(*_columns(sort))
    ordered = ordered.filter(_beyond(sort, mark, direction)) if mark else ordered
    rows = read_model.read(person, (ordered.reverse() if direction == PREVIOUS else ordered)[: limit + 1])
    more, rows = len(rows) > limit, rows[:limit]
    after, before = (more, mark is not None) if direction == NEXT else (True, more)
    if direction == PREVIOUS:
        rows.reverse()
    if not rows:
        return Page([], None, None)
    return Page(
        rows,
        cursors.write(NEXT, rows[-1]) if after else None,
        cursors.write(PREVIOUS, rows[0]) if before else None,
    )


def _columns(sort: Sort) -> list[str]:
    return [_COLUMNS.get(name, name) for name in FIELDS[sort]]


def _beyond(sort: Sort, mark: Mark, direction: str) -> Q:
    """Beyond a mark by the first field in which they differ. That of the first field stands by itself as well: for an index."""
    than = "gt" if direction == NEXT else "lt"
    [first, *middle], last = list(zip(_columns(sort)[:-1], mark[:-1], strict=True)), mark[-1]
    beyond = Q(**{f"id__{than}": last})
    for name, value in reversed([first, *middle]):
        beyond = Q(**{f"{name}__{than}": value}) | Q(**{name: value}) & beyond
    return Q(**{f"{first[0]}__{than}e": first[1]}) & beyond
