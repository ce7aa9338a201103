"""What staff decide about a contact that came with a booking: to save it for the customer, or to dismiss it."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from accounts import customers, roles
from bookings.audit import Change, Event
from bookings.models import Booking, ContactProposal
from bookings.services.common import require_version, write
from bookings.services.contacts import FIELDS, _of, _values, _write
from bookings.services.locking import counted, locked, one_change
from core.errors import NotFound
from stations.access import Person


@counted("contact")
def use(
    booking_id: UUID, name: str, *, by: Person, seen_version: int | None = None, seen_customer: int | None = None
) -> Booking:
    """Save the email or phone that came with a booking for its customer: from now on it is what they are on file with.

    Raises NotPermitted, NotFound (nothing is to be decided about), Stale (booking or customer is of another version than was
    seen), or Invalid (a phone that is no number).
    """
    roles.require(by, roles.PII)
    with _decision(booking_id, name, Event.CONTACT_USED, by=by, seen_version=seen_version) as given:
        customers.edit(given.customer_id, {name: getattr(given, name)}, by=by, seen_version=seen_customer)
    return given.booking


@counted("contact")
def dismiss(
    booking_id: UUID, name: str, *, by: Person, seen_version: int | None = None, seen_customer: int | None = None
) -> Booking:
    """Forget the email or phone that came with a booking, whatever its customer is on file with by now.

    Raises NotPermitted, NotFound or Stale.
    """
    with _decision(booking_id, name, Event.CONTACT_DISMISSED, by=by, seen_version=seen_version) as given:
        pass
    return given.booking


@contextmanager
def _decision(
    booking_id: UUID, name: str, event: Event, *, by: Person, seen_version: int | None
) -> Iterator[ContactProposal]:
    """What is decided about, with its booking locked; afterwards it is forgotten, and the booking has a new version."""
    roles.require(by, roles.CHANGE)
    with one_change():
        booking, station, chains = locked(by, booking_id)
        require_version(booking, seen_version, by)
        given = _of(booking)
        if name not in FIELDS or given is None or not getattr(given, name):
            raise NotFound
        was, given.booking = _values(given), booking
        yield given
        setattr(given, name, "")
        entry = Change(booking, event, _write(given, given, was), station.pk)
        write(booking, [], [entry], None, by=by, chains=chains)
