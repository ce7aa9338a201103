"""The fields of a booking: one table of where each of them appears.

Columns, audit entries, edits, import, export and disclosure are derived from it, or checked against it by
`tests/bookings/models/test_fields.py`.
"""

from enum import Flag, auto
from typing import Final


class Use(Flag):
    """What a field takes part in."""

    NONE = 0
    ROW = auto()
    """Rows of the API and the calendar, under the same name; the row's `booking_id` is the `id`."""
    AUDIT = auto()
    """The changes that audit entries record."""
    EDIT = auto()
    """Changes by staff, API and import: a plain value of the booking, without rules about its place."""
    FILE = auto()
    """Import and export as CSV. The customer is three columns there."""
    DISCLOSURE = auto()
    """What a customer is given who asks for their data."""
    PERSONAL = auto()
    """Personal data: encrypted, shown only with the permission, recorded without its value, deleted with the customer."""


_PLACE: Final = Use.ROW | Use.AUDIT | Use.FILE | Use.DISCLOSURE
_VALUE: Final = _PLACE | Use.EDIT

BOOKING_FIELDS: Final[dict[str, Use]] = {
    "id": Use.NONE,
    "station": Use.ROW | Use.AUDIT | Use.FILE,
    "customer": Use.ROW | Use.AUDIT | Use.FILE,
    "date": _PLACE,
    "slot": _PLACE,
    "slots": _VALUE,
    "starts_at": Use.ROW | Use.AUDIT | Use.DISCLOSURE,
    "ends_at": Use.ROW | Use.AUDIT | Use.DISCLOSURE,
    "status": _PLACE,
    "needs_place": Use.ROW | Use.AUDIT,
    "party_adults": _VALUE,
    "party_kids": _VALUE,
    "total_due_cents": _VALUE,
    "deposit_due_cents": _VALUE,
    "special_requests": _VALUE | Use.PERSONAL,
    "requests_are_external": Use.NONE,
    "source": _VALUE,
    "external_ref": _VALUE,
    "organizer_name": Use.NONE,
    "organizer_email": Use.NONE,
    "version": Use.ROW,
    "created_at": Use.ROW | Use.DISCLOSURE,
    "updated_at": Use.ROW | Use.DISCLOSURE,
}
"""By column, in the order in which audit entries and disclosures list them."""


def used_in(use: Use) -> tuple[str, ...]:
    """The names of the fields that take part in all of `use`."""
    return tuple(name for name, uses in BOOKING_FIELDS.items() if use in uses)


EDITABLE_FIELDS: Final = used_in(Use.EDIT)
PERSONAL_FIELDS: Final = frozenset(used_in(Use.PERSONAL))
