"""The fields that an import reads and an export writes, and which of them are alternatives."""

import dataclasses
from typing import Any, Final

from bookings.models.fields import EDITABLE_FIELDS
from bookings.models.status import Status
from bookings.services.inputs import Draft

_ORDER: Final = (
    "external_ref", "station", "date", "slot", "slots", "status",
    "customer_name", "customer_email", "customer_phone", "party_adults", "party_kids",
    "special_requests", "total_due_cents", "deposit_due_cents", "source",
)  # fmt: skip
FIELDS: Final = (*_ORDER, *(name for name in EDITABLE_FIELDS if name not in _ORDER))
"""The columns of an export, in order. A field of a booking that has no place in this order yet comes last."""

INPUT_FIELDS: Final = (
    *FIELDS, "ends_at", "end_date", "end", "duration_minutes", "total_due", "deposit_due", "created_at",
)  # fmt: skip
"""Fields that an import reads: the number of slots may be given by the end or the length, cents by whole units of money."""

REQUIRED: Final = ("station", "date", "slot")
SUMMABLE: Final = frozenset(
    {
        "slots", "duration_minutes", "party_adults", "party_kids", "total_due_cents", "deposit_due_cents", "total_due",
        "deposit_due",
    }
)  # fmt: skip
MONEY: Final = {"total_due": "total_due_cents", "deposit_due": "deposit_due_cents"}
"""Fields in whole units of the station's currency, and the fields in minor units that they set."""

ALTERNATIVES: Final[tuple[tuple[frozenset[str], ...], ...]] = (
    (
        frozenset({"slots"}),
        frozenset({"duration_minutes"}),
        frozenset({"ends_at"}),
        frozenset({"end", "end_date"}),
    ),
    (frozenset({"total_due_cents"}), frozenset({"total_due"})),
    (frozenset({"deposit_due_cents"}), frozenset({"deposit_due"})),
)
"""Groups of fields of which a row may use one."""

DEFAULTS: Final[dict[str, Any]] = {"status": Status.CONFIRMED, "source": "import"}
"""Values of fields that the file does not have. An empty `source` stays empty."""

EMPTY_VALUES: Final[dict[str, Any]] = {
    # An empty text is kept as it is.
    **{one.name: one.default for one in dataclasses.fields(Draft) if one.name in EDITABLE_FIELDS and one.default != ""},
    "status": Status.CONFIRMED,
    "total_due": 0,
    "deposit_due": 0,
    "ends_at": None,
    "end_date": None,
    "end": None,
    "duration_minutes": None,
    "created_at": None,
}
"""The value of an empty cell: that of a new booking."""

ICALENDAR_COLUMNS: Final = {
    "external_ref": "UID+RECURRENCE-ID",
    "date": "DTSTART",
    "slot": "DTSTART",
    "ends_at": "DTEND",
    "created_at": "CREATED",
}
"""The properties of calendar events that fields are read from by default."""
