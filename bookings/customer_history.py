"""What a customer's bookings say of them: visits, no-shows, cancellations, the last visit and the next booking."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from accounts.models import Customer
from bookings.models import Booking
from bookings.models.querysets import is_visit
from bookings.models.status import HIDDEN, HOLDING, Status


@dataclass(frozen=True, slots=True)
class CustomerHistory:
    """Counts of a customer's bookings at their station."""

    visits: int
    no_shows: int
    cancellations: int
    last_visit: Booking | None
    """The latest booking that counts as a visit."""
    next_booking: Booking | None
    """The next one, or the one that is running now."""


def history_of(customer: Customer, now: datetime) -> CustomerHistory:
    """Three queries."""
    bookings = Booking.objects.filter(customer=customer).defer("special_requests")
    counts = bookings.aggregate(
        no_shows=Count("pk", filter=Q(status=Status.NO_SHOW)),
        cancellations=Count("pk", filter=Q(status__in=HIDDEN)),
        visits=Count("pk", filter=is_visit(now)),
    )
    return CustomerHistory(
        **counts,
        last_visit=bookings.visits(now).order_by("-starts_at", "-pk").first(),
        next_booking=bookings.filter(ends_at__gt=now, status__in=HOLDING).order_by("starts_at", "pk").first(),
    )
