"""Every change to a booking, for pages, API, admin and imports alike.

Each function checks the permission, locks the station, reads the booking again, checks the rules in the contract's order,
writes booking, holds and audit entry in one transaction, and returns the booking as it now is. Where a rule is broken it
raises a `DomainError` and has changed nothing.
"""

from accounts.customers import Contact
from bookings.services.change_status import change_status
from bookings.services.create import create, create_many
from bookings.services.edit import amend, edit
from bookings.services.inputs import Draft, Place
from bookings.services.reschedule import reschedule
from bookings.services.walk_in import seat_walk_in

__all__ = [
    "Contact",
    "Draft",
    "Place",
    "amend",
    "change_status",
    "create",
    "create_many",
    "edit",
    "reschedule",
    "seat_walk_in",
]
