"""The shapes of answers, as JSON Schema: what the API's description says, and its tests hold every answer against."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bookings.workflow import Status
from config.fields import DATE_PATTERN, SLOT_PATTERN

Shape = Mapping[str, Any]

UUID: Final = {"type": "string", "format": "uuid"}
DATE: Final = {"type": "string", "format": "date", "pattern": DATE_PATTERN}
SLOT: Final = {"type": "string", "pattern": SLOT_PATTERN}
INSTANT: Final = {"type": "string", "format": "date-time"}
COUNT: Final = {"type": "integer", "minimum": 0}
TEXT: Final = {"type": "string"}
FLAG: Final = {"type": "boolean"}
STATUS: Final = {"type": "string", "enum": [str(status) for status in Status]}


def record(properties: Shape, *, optional: Iterable[str] = ()) -> dict[str, Any]:
    """An object with these keys and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in set(optional)],
        "additionalProperties": False,
    }


def envelope(data: Shape, **more: Shape) -> dict[str, Any]:
    """What stands around every success."""
    return record({"success": {"type": "boolean", "const": True}, "data": data, **more})


def or_null(shape: Shape) -> dict[str, Any]:
    return {"oneOf": [shape, {"type": "null"}]}


ROW: Final = {
    "booking_id": UUID,
    "customer": or_null({"$ref": "#/components/schemas/RowCustomer"}),
    "date": DATE,
    "slot": SLOT,
    "total_guests": COUNT,
    "status": STATUS,
    "total_due_cents": COUNT,
    "balance_due_cents": COUNT,
    "special_requests": {"type": ["string", "null"]},
    "source": TEXT,
    "created_at": INSTANT,
    "updated_at": INSTANT,
    "station": TEXT,
    "starts_at": INSTANT,
    "ends_at": INSTANT,
    "slots": COUNT,
    "version": COUNT,
    "needs_place": FLAG,
}
CHANGED: Final = {"changed_by": TEXT, "changed_at": INSTANT, "change": TEXT}

COMPONENTS: Final = {
    "RowCustomer": record({"customer_id": UUID, "email": TEXT, "name": TEXT, "phone": TEXT}),
    "Booking": record(ROW),
    "OneBooking": record(
        {**ROW, "contact_proposal": record({"email": TEXT, "phone": TEXT})}, optional=("contact_proposal",)
    ),
    "StaleBooking": record({**ROW, **CHANGED}, optional=CHANGED),
    "Holder": record({"booking_id": UUID}),
    "Versions": record({"versions": {"type": "array", "items": TEXT}}),
    "Moved": record(
        {
            "booking_id": UUID,
            "date": DATE,
            "slot": SLOT,
            "station": TEXT,
            "status": STATUS,
            "version": COUNT,
            "message": TEXT,
        }
    ),
    "Station": record(
        {
            "code": TEXT,
            "name": TEXT,
            "time_zone": TEXT,
            "country": TEXT,
            "currency": TEXT,
            "first_weekday": {"type": "integer", "minimum": 0, "maximum": 6},
            "email": TEXT,
            "phone": TEXT,
            "address": TEXT,
            "is_active": FLAG,
            "version": COUNT,
            "timetable_version": COUNT,
        }
    ),
    "Slot": record(
        {
            "date": DATE,
            "slot": SLOT,
            "minutes": COUNT,
            "starts_at": INSTANT,
            "ends_at": INSTANT,
            "capacity": COUNT,
            "taken": COUNT,
            "left": COUNT,
            "guest_capacity": {"type": ["integer", "null"]},
            "guests_taken": COUNT,
            "guests_left": {"type": ["integer", "null"]},
            "closed": FLAG,
            "reason": TEXT,
        }
    ),
    "Customer": record(
        {
            "customer_id": UUID,
            "station": TEXT,
            "name": TEXT,
            "email": TEXT,
            "phone": TEXT,
            "created_at": INSTANT,
            "version": COUNT,
        }
    ),
    "Tokens": record(
        {"access": TEXT, "refresh": TEXT, "token_type": {"type": "string", "const": "Bearer"}, "expires_in": COUNT}
    ),
    "Addresses": {"type": "object", "additionalProperties": {"type": "string"}},
    "Failure": record(
        {
            "success": {"type": "boolean", "const": False},
            "error": TEXT,
            "code": TEXT,
            "errors": {"type": "object", "additionalProperties": {"type": "array", "items": TEXT}},
            "data": {
                "oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("StaleBooking", "Holder", "Versions")]
            },
            "request_id": TEXT,
        },
        optional=("errors", "data"),
    ),
}
