"""JSON Schemas of the booking endpoints' responses."""

from typing import Any, Final

from django.db.models import IntegerField

from bookings.models import Booking
from bookings.models.fields import EDITABLE_FIELDS
from bookings.models.status import Status
from core.api.schemas import BOOLEAN, COUNT, DATE, DATE_TIME, SLOT, TEXT, UUID, failure, nullable, record, reference

STATUS: Final = {"$ref": "#/components/schemas/BookingStatus"}
_ROW: Final = {
    "booking_id": UUID,
    "customer": nullable(reference("RowCustomer")),
    "date": DATE,
    "slot": SLOT,
    "total_guests": COUNT,
    "status": STATUS,
    "total_due_cents": COUNT,
    "balance_due_cents": COUNT,
    "special_requests": {"type": ["string", "null"]},
    "source": TEXT,
    "created_at": DATE_TIME,
    "updated_at": DATE_TIME,
    "station": TEXT,
    "starts_at": DATE_TIME,
    "ends_at": DATE_TIME,
    "slots": COUNT,
    "version": COUNT,
    "needs_place": BOOLEAN,
    "party_adults": COUNT,
    "party_kids": COUNT,
    "deposit_due_cents": COUNT,
    "external_ref": TEXT,
    "series": {"type": ["string", "null"], "format": "uuid"},
    "held_until": {"type": ["string", "null"], "format": "date-time"},
}


def _type_of(name: str) -> dict[str, Any]:
    return COUNT if isinstance(Booking._meta.get_field(name), IntegerField) else TEXT


ROW: Final = _ROW | {name: _type_of(name) for name in EDITABLE_FIELDS if name not in _ROW}
CHANGED: Final = {"changed_by": TEXT, "changed_at": DATE_TIME, "change": TEXT}

COMPONENTS: Final[dict[str, dict[str, Any]]] = {
    "BookingStatus": {"type": "string", "enum": [str(status) for status in Status]},
    "RowCustomer": record(
        {"customer_id": UUID, "email": TEXT, "name": TEXT, "phone": TEXT, "flags": {"type": "array", "items": TEXT}}
    ),
    "Booking": record(ROW),
    "ContactProposal": record({"email": TEXT, "phone": TEXT}),
    "OneBooking": record({**ROW, "contact_proposal": reference("ContactProposal")}, optional=("contact_proposal",)),
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
            "is_active": BOOLEAN,
            "version": COUNT,
            "timetable_version": COUNT,
        }
    ),
    "Slot": record(
        {
            "date": DATE,
            "slot": SLOT,
            "minutes": COUNT,
            "starts_at": DATE_TIME,
            "ends_at": DATE_TIME,
            "capacity": COUNT,
            "taken": COUNT,
            "left": COUNT,
            "guest_capacity": {"type": ["integer", "null"]},
            "guests_taken": COUNT,
            "guests_left": {"type": ["integer", "null"]},
            "closed": BOOLEAN,
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
            "created_at": DATE_TIME,
            "version": COUNT,
        }
    ),
    "Tokens": record(
        {"access": TEXT, "refresh": TEXT, "token_type": {**TEXT, "description": "Bearer"}, "expires_in": COUNT}
    ),
    "Addresses": {"type": "object", "additionalProperties": {"type": "string"}},
    "Failure": failure(),
    "NotAcceptableFailure": failure("Versions"),
    "DuplicateFailure": failure("Holder"),
    "StaleFailure": failure("StaleBooking"),
}
