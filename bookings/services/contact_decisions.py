"""Decisions of staff about a contact that came with a booking: save it for the customer, or dismiss it."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from accounts import customers, roles
from bookings.audit import Change, Event
from bookings.models import Booking, ContactProposal
from bookings.services.common import require_version, save_change
from bookings.services.contacts import FIELDS, find_proposal, save, values
from bookings.services.locking import atomic_change, lock_booking, record_metrics
from core.errors import NotFound
from stations.access import Person


@record_metrics("contact")
def use(
    booking_id: UUID, name: str, *, by: Person, seen_version: int | None = None, seen_customer: int | None = None
) -> Booking:
    """Save the email or phone that came with a booking as its customer's.

    Raises NotPermitted, NotFound (there is nothing to decide about), Stale (booking or customer have another version than was
    seen), or Invalid (the phone is no valid number).
    """
    roles.require(by, roles.PII)
    with _decision(booking_id, name, Event.CONTACT_USED, by=by, seen_version=seen_version) as proposal:
        customers.edit(proposal.customer_id, {name: getattr(proposal, name)}, by=by, seen_version=seen_customer)
    return proposal.booking


@record_metrics("contact")
def dismiss(
    booking_id: UUID, name: str, *, by: Person, seen_version: int | None = None, seen_customer: int | None = None
) -> Booking:
    """Delete the email or phone that came with a booking, and leave its customer unchanged.

    Raises NotPermitted, NotFound or Stale.
    """
    with _decision(booking_id, name, Event.CONTACT_DISMISSED, by=by, seen_version=seen_version) as proposal:
        pass
    return proposal.booking


@contextmanager
def _decision(
    booking_id: UUID, name: str, event: Event, *, by: Person, seen_version: int | None
) -> Iterator[ContactProposal]:
    """Yield the proposal with its booking locked. On leaving, delete that field of it and give the booking a new version."""
    roles.require(by, roles.CHANGE)
    with atomic_change():
        booking, station, chains = lock_booking(by, booking_id)
        require_version(booking, seen_version, by)
        proposal = find_proposal(booking)
        if name not in FIELDS or proposal is None or not getattr(proposal, name):
            raise NotFound
        before, proposal.booking = values(proposal), booking
        yield proposal
        setattr(proposal, name, "")
        entry = Change(booking, event, save(proposal, proposal, before), station.pk)
        save_change(booking, [], [entry], None, by=by, chains=chains)
