"""Other bookings of a customer: those at the same time, and the last one with special requests."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from accounts.models import Customer
from bookings.models import Booking
from bookings.models.status import Status
from core.errors import DomainError
from stations.timetable import Slot

EXPECTED: Final = (Status.PENDING, Status.CONFIRMED, Status.ARRIVED)


class AlreadyBooked(DomainError):
    """The customer has other bookings at that time; `data` lists them in order. Only pages ask for it, never the API."""

    code = "already_booked"
    sentence = _("This customer already has a booking at that time.")


def in_slots(customer: Customer, slots: Sequence[Slot]) -> list[Booking]:
    """The customer's bookings, with their stations, that take place during these consecutive slots."""
    return _during(customer.pk, slots[0].starts_at, slots[-1].ends_at) if slots else []


def require_none(booking: Booking, *, known: Collection[UUID]) -> None:
    """Raises AlreadyBooked if the customer has another booking at that time, except for those that are `known`.

    `data` of the error lists all of them, with their stations and customers.
    """
    if booking.customer_id is None:
        return
    others = [one for one in _during(booking.customer_id, booking.starts_at, booking.ends_at) if one.pk != booking.pk]
    if any(one.pk not in known for one in others):
        raise AlreadyBooked(data=others)


def _during(customer_id: UUID, start: datetime, end: datetime) -> list[Booking]:
    found = Booking.objects.filter(customer=customer_id, status__in=EXPECTED, starts_at__lt=end, ends_at__gt=start)
    return list(found.select_related("station", "customer").defer("special_requests").order_by("starts_at", "pk"))


def last_request(customer: Customer) -> str:
    """The special requests of the customer's latest booking that has any; "" for none."""
    found = Booking.objects.filter(customer=customer, special_requests__isnull=False).order_by("-starts_at")
    latest = found.only("special_requests").first()
    return (latest.special_requests or "") if latest else ""
