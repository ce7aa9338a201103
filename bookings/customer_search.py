"""Customers found by a search, with the bookings by which staff recognize a caller, and bookings found by their reference."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from accounts import customers
from accounts.customers import ShownCustomer
from accounts.customers.normalization import LAST_DIGITS, phone_digits
from accounts.models import Customer
from bookings.models import Booking
from bookings.models.status import HIDDEN, HOLDING, VISITING, is_over
from core.limits import MAX_REFERENCE
from stations.access import Person
from stations.models import Station

REFERENCE: Final = "reference"
FOUND_BY: Final = (customers.NAME, customers.EMAIL, customers.PHONE, REFERENCE)
MAX_REFERENCES: Final = 10


@dataclass(slots=True)
class Hit:
    """A customer that was found, or a booking without one."""

    station: Station
    by: str
    """One of `FOUND_BY`."""
    customer: ShownCustomer | None = None
    phone_ending: str = ""
    next: Booking | None = None
    """The next booking, or the one that is running now."""
    last: Booking | None = None
    """The latest booking that is over, unless it was cancelled."""
    latest: Booking | None = None
    """The latest booking of all, be it cancelled."""
    visits: int = 0
    referred: Booking | None = None
    """The booking whose reference was searched for."""

    @property
    def booking(self) -> Booking | None:
        """The booking that a caller most likely means."""
        return self.referred or self.next or self.last or self.latest


@dataclass(slots=True)
class _Summary:
    """The keys of a customer's bookings that a hit shows."""

    next: UUID | None = None
    last: UUID | None = None
    latest: UUID | None = None
    visits: int = 0

    def add(self, pk: UUID, status: str, ends_at: datetime, now: datetime) -> None:
        """Add the next later booking."""
        self.latest = pk
        if not is_over(status, ends_at, now):
            self.next = self.next or (pk if status in HOLDING else None)
        elif status not in HIDDEN:
            self.last = pk
            self.visits += status in VISITING


@dataclass(slots=True)
class _Bookings:
    """The bookings of the customers found, by customer."""

    summaries: dict[UUID, _Summary] = field(default_factory=dict)
    by_key: dict[UUID, Booking] = field(default_factory=dict)


def find(
    person: Person, q: str, *, now: datetime, stations: Sequence[Station] | None = None, home: str = ""
) -> list[Hit]:
    """The customers and bookings that `q` finds at the person's stations: those at the station with the code `home` first, and
    of each station those with the next booking first.

    Raises NotPermitted without the permission for personal data.
    """
    found = customers.search(person, q, stations=stations)
    referred = _by_reference(person, q, stations)
    listed = [*found, *(one.customer for one in referred if one.customer and one.customer not in found)]
    bookings = _bookings_of(listed, now)
    hits = [_hit(one, person, q, bookings) for one in found]
    hits = [*(_referred(one, person, bookings) for one in referred), *hits]
    return sorted(hits, key=lambda hit: _order(hit, home, now))


def _by_reference(person: Person, q: str, stations: Sequence[Station] | None) -> list[Booking]:
    """Bookings with this reference, in any case of its letters."""
    wanted = {q, q.upper(), q.lower()} if 0 < len(q) <= MAX_REFERENCE else set()
    at = Station.objects.visible_to(person)
    if stations is not None:
        at = at.filter(pk__in=[station.pk for station in stations])
    found = Booking.objects.filter(station__in=at, external_ref__in=wanted).select_related(
        "station", "customer__station"
    )
    return list(found.defer("special_requests").order_by("-starts_at")[:MAX_REFERENCES]) if wanted else []


def _bookings_of(found: Iterable[Customer], now: datetime) -> _Bookings:
    """Two queries."""
    bookings = _Bookings()
    rows = Booking.objects.filter(customer__in=found).order_by("starts_at", "pk")
    for customer, pk, status, ends_at in rows.values_list("customer", "pk", "status", "ends_at"):
        bookings.summaries.setdefault(customer, _Summary()).add(pk, status, ends_at, now)
    shown = {key for one in bookings.summaries.values() for key in (one.next, one.last, one.latest) if key}
    bookings.by_key = Booking.objects.select_related("station").defer("special_requests").in_bulk(shown)
    return bookings


def _hit(customer: Customer, person: Person, q: str, bookings: _Bookings) -> Hit:
    summary = bookings.summaries.get(customer.pk, _Summary())
    next_one, last, latest = (
        bookings.by_key.get(key) if key else None for key in (summary.next, summary.last, summary.latest)
    )
    return Hit(
        station=customer.station,
        by=customers.matched_field(customer, q),
        customer=customers.shown(customer, person),
        phone_ending=phone_digits(customer.phone)[-LAST_DIGITS:],
        next=next_one,
        last=last,
        latest=latest,
        visits=summary.visits,
    )


def _referred(booking: Booking, person: Person, bookings: _Bookings) -> Hit:
    if booking.customer is None:
        return Hit(booking.station, REFERENCE, referred=booking)
    hit = _hit(booking.customer, person, "", bookings)
    hit.by, hit.referred = REFERENCE, booking
    return hit


def _order(hit: Hit, home: str, now: datetime) -> tuple[bool, bool, bool, float]:
    """Sorts bookings found by reference first, then those that come soonest, then those who were there last."""
    booking = hit.booking
    distance = abs((booking.starts_at - now).total_seconds()) if booking else 0.0
    return hit.station.code != home, hit.by != REFERENCE, hit.next is None, distance
