"""The fields of a booking that a file can fill, and the ways in which several of them say the same."""

from typing import Any, Final

from bookings.models.status import Status

FIELDS: Final = (
    "external_ref", "station", "date", "slot", "slots", "status",
    "customer_name", "customer_email", "customer_phone", "party_adults", "party_kids",
    "special_requests", "total_due_cents", "deposit_due_cents", "source",
)  # fmt: skip
"""What a booking keeps, in the order in which an export writes it."""

INPUT_FIELDS: Final = (
    *FIELDS, "ends_at", "end_date", "end", "duration_minutes", "total_due", "deposit_due", "created_at",
)  # fmt: skip
"""All that an import reads: the end or the length of a booking gives its slots, whole units of money its cents."""

REQUIRED: Final = ("station", "date", "slot")
SUMMABLE: Final = frozenset(
    {
        "slots", "duration_minutes", "party_adults", "party_kids", "total_due_cents", "deposit_due_cents", "total_due",
        "deposit_due",
    }
)  # fmt: skip
MONEY: Final = {"total_due": "total_due_cents", "deposit_due": "deposit_due_cents"}
"""Fields in whole units of the station's currency, and what they become."""

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
"""Of each line, a row may use one."""

DEFAULTS: Final[dict[str, Any]] = {"status": Status.CONFIRMED, "source": "import"}
"""Where nothing speaks of a field. An empty source stays empty."""

EMPTY_VALUES: Final[dict[str, Any]] = {
    "slots": 1,
    "status": Status.CONFIRMED,
    "party_adults": 1,
    "party_kids": 0,
    "special_requests": None,
    "total_due_cents": 0,
    "deposit_due_cents": 0,
    "total_due": 0,
    "deposit_due": 0,
    "ends_at": None,
    "end_date": None,
    "end": None,
    "duration_minutes": None,
    "created_at": None,
}
"""What an empty cell means."""

ICALENDAR_COLUMNS: Final = {
    "external_ref": "UID+RECURRENCE-ID",
    "date": "DTSTART",
    "slot": "DTSTART",
    "ends_at": "DTEND",
    "created_at": "CREATED",
}
"""The properties of a calendar's events that feed fields by themselves."""
