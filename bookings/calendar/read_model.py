"""The calendar's read model, which the API, the pages, feeds and exports share."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from functools import cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Count, F, Sum
from django.utils.translation import get_language

from accounts import roles
from accounts.customers import ShownCustomer
from accounts.customers.normalization import initials
from accounts.rls import session
from bookings.calendar import postgres_query
from bookings.models import Booking, Hold
from bookings.models.querysets import BookingQuerySet
from bookings.models.status import OWING, RESCHEDULABLE
from stations.access import Counter, Person
from stations.models import Station
from stations.timetable import Slot, Timetable
from stations.timetable_queries import cached_timetable, load_timetables

COLUMNS = (
    "pk", "customer_id", "customer__name", "date", "slot", "party_adults", "party_kids", "status", "total_due_cents",
    "deposit_due_cents", "source", "created_at", "updated_at", "station__code", "starts_at", "ends_at", "slots", "version",
    "needs_place", "customer__erased_at", "external_ref",
)  # fmt: skip
PERSONAL_COLUMNS = ("special_requests",)
CONTACT_COLUMNS = ("customer__email", "customer__phone")
NOT_READ: tuple[Any, ...] = (None, "", "")
"""Values of `PERSONAL_COLUMNS` and `CONTACT_COLUMNS` where they were not read."""
BATCH_SIZE = 500
ROW_FORMAT: Final = "2"
"""Part of every ETag. Increase it in a release that changes rows, so that copies from the release before are not confirmed."""
NO_FLAGS: Final = ()
"""Customers have no flags yet; the key is there so that callers can rely on it."""


class Row(NamedTuple):
    """A booking as one person may see it. `date` and `slot` are the station's local time, instants are UTC."""

    booking_id: UUID
    customer: ShownCustomer | None
    date: date
    slot: time
    total_guests: int
    status: str
    total_due_cents: int
    balance_due_cents: int
    special_requests: str | None
    source: str
    created_at: datetime
    updated_at: datetime
    station: str
    starts_at: datetime
    ends_at: datetime
    slots: int
    version: int
    needs_place: bool
    party_adults: int
    party_kids: int
    deposit_due_cents: int
    external_ref: str

    @property
    def due_cents(self) -> int:
        """What is still to be paid, in minor units. Unlike `balance_due_cents`, 0 if the status is one that owes nothing."""
        return self.balance_due_cents if self.status in OWING else 0

    @property
    def is_unassigned(self) -> bool:
        """Whether the booking is listed next to the grid: it lost its slot, and can still be moved to another."""
        return self.needs_place and self.status in RESCHEDULABLE


class SlotAvailability(NamedTuple):
    """A slot with the parties and guests that hold it."""

    slot: Slot
    parties: int
    guests: int

    @property
    def parties_left(self) -> int:
        """How many parties still fit: 0 if the slot is closed or has no guests left."""
        if self.slot.closed or (self.guests_left is not None and self.guests_left < 1):
            return 0
        return max(self.slot.capacity - self.parties, 0)

    @property
    def guests_left(self) -> int | None:
        """How many guests still fit; None if only parties are limited."""
        return None if self.slot.guest_capacity is None else max(self.slot.guest_capacity - self.guests, 0)


Usage = Mapping[tuple[int, date, time], tuple[int, int]]
"""Parties and guests by station's primary key, date and start, for slots that any booking holds."""
UNUSED: Final = (0, 0)


class StationCalendar(NamedTuple):
    """What the page of one station shows."""

    bookings: list[Row]
    """The bookings in the grid, in the order of `rows_between`."""
    unassigned: list[Row]
    """The station's unassigned bookings of all dates."""
    slots: dict[date, list[SlotAvailability]]
    """Each day's slots, by start."""


def rows_between(
    person: Person,
    stations: Sequence[Station | Counter],
    first: date,
    last: date,
    *,
    status: str | None = None,
    customer_id: UUID | None = None,
    contact: bool = True,
) -> list[Row]:
    """Return the bookings of stations on local dates from `first` to `last`, by date, slot and creation.

    The person must be allowed to see the stations (`Station.objects.visible_to`). Without `contact`, customers' email and phone
    are empty.
    """
    if postgres_query.is_supported():
        personal = person.has_perm(roles.PII)
        columns, codes = (
            _columns(personal=personal, contact=contact),
            {station.pk: station.code for station in stations},
        )
        found = postgres_query.fetch_bookings(columns, codes, first, last, status=status, customer_id=customer_id)
        return _make_rows(found, personal=personal)
    bookings = _bookings_between([station.pk for station in stations], first, last, status, customer_id)
    return rows_of(person, bookings.in_order(), contact=contact)


def _bookings_between(
    stations: list[int], first: date, last: date, status: str | None, customer_id: UUID | None
) -> "BookingQuerySet[Booking]":
    found = Booking.objects.filter(station__in=stations).between(first, last)
    found = found.filter(status=status) if status else found
    return found.filter(customer=customer_id) if customer_id else found


def station_calendar(
    person: Person,
    station: Station,
    first: date,
    last: date,
    *,
    status: str | None = None,
    customer_id: UUID | None = None,
) -> StationCalendar:
    """Return what a page shows of a station that the person may see. `status` and `customer_id` filter the bookings in the grid.

    Takes one query on PostgreSQL and two on SQLite, and two more if the timetable is not in the process's cache.
    """
    timetable, personal = _cached_timetable(station, first, last), person.has_perm(roles.PII)
    usage: Usage
    if postgres_query.is_supported():
        columns = _columns(personal=personal, contact=False)
        found, usage = postgres_query.fetch_station_calendar(
            columns, station, first, last, status=status, customer_id=customer_id
        )
        all_rows = _make_rows(found, personal=personal)
    else:
        in_grid = _bookings_between([station.pk], first, last, status, customer_id)
        unassigned = Booking.objects.filter(station=station.pk).displaced()
        all_rows = rows_of(person, (in_grid | unassigned).in_order(), contact=False)
        usage = _usage([station.pk], first, last)
    calendar = StationCalendar([], [], _slots(station.pk, timetable, usage, first, last))
    for row in all_rows:
        (calendar.unassigned if row.is_unassigned else calendar.bookings).append(row)
    return calendar


def row_of(person: Person, booking: Booking, *, contact: bool = True) -> Row:
    """The row of a booking that has just been read or written, without reading it again."""
    personal, customer = person.has_perm(roles.PII), booking.customer
    values = [
        booking.pk, booking.customer_id, customer and customer.name, booking.date, booking.slot, booking.party_adults,
        booking.party_kids, booking.status, booking.total_due_cents, booking.deposit_due_cents, booking.source,
        booking.created_at, booking.updated_at, booking.station.code, booking.starts_at, booking.ends_at, booking.slots,
        booking.version, booking.needs_place, customer and customer.erased_at, booking.external_ref,
    ]  # fmt: skip
    if personal:
        values.append(booking.special_requests)
    if personal and contact and customer:
        values += [customer.email, customer.phone]
    [row] = _make_rows([values], personal=personal)
    return row


def rows_of(person: Person, bookings: "BookingQuerySet[Booking]", *, contact: bool = True) -> list[Row]:
    """Read bookings as the person may see them.

    Without the permission to see personal data, names are initials, and contact and special requests are empty.
    """
    personal = person.has_perm(roles.PII)
    return _make_rows(bookings.values_list(*_columns(personal=personal, contact=contact)), personal=personal)


def stream_rows(bookings: "BookingQuerySet[Booking]", *, personal: bool) -> Iterator[Row]:
    """Read any number of bookings by one query and in constant memory, with personal data if `personal`."""
    columns = _columns(personal=personal, contact=personal)
    for values in bookings.values_list(*columns).iterator(chunk_size=BATCH_SIZE):
        yield from _make_rows([values], personal=personal)


def _columns(*, personal: bool, contact: bool) -> tuple[str, ...]:
    """Return the columns to read, and so to decrypt: only those that the person may see."""
    return (*COLUMNS, *(PERSONAL_COLUMNS if personal else ()), *(CONTACT_COLUMNS if personal and contact else ()))


def _make_rows(found: Iterable[Sequence[Any]], *, personal: bool) -> list[Row]:
    """Return rows of the values of `_columns`."""
    make_row, make_customer = Row._make, ShownCustomer._make  # a third faster than their constructors
    rows = []
    for values in found:
        (pk, customer_id, name, day, slot, adults, kids, status, total, deposit, source, created, updated, station, starts,
         ends, slots, version, needs_place, erased_at, reference, *more) = values  # fmt: skip
        special_requests, email, phone = (*more, *NOT_READ[len(more) :])
        customer = None
        if customer_id:
            customer = make_customer(
                (customer_id, name if personal else initials(name), email, phone, erased_at is not None)
            )
        rows.append(
            make_row((
                pk, customer, day, slot, adults + kids, status, total, total - deposit, special_requests, source, created,
                updated, station, starts, ends, slots, version, needs_place, adults, kids, deposit, reference,
            ))
        )  # fmt: skip
    return rows


JSON_KEYS: Final[dict[str, Any]] = dict.fromkeys((
    *("booking_id", "customer", "date", "slot", "total_guests", "status", "total_due_cents", "balance_due_cents"),
    *("special_requests", "source", "created_at", "updated_at", "station", "starts_at", "ends_at", "slots", "version"),
    *("needs_place", "party_adults", "party_kids", "deposit_due_cents", "external_ref", "series", "held_until"),
))  # fmt: skip
"""A row's keys in order, with null as their values: `series` and `held_until` are always null so far."""


def as_json(row: Row) -> dict[str, Any]:
    """Return the API's representation of a row, in types that `core.api.negotiation` writes as JSON."""
    data = JSON_KEYS.copy()  # a dict that grows while it is filled takes half as long again
    data["booking_id"] = row.booking_id
    data["customer"] = row.customer and _customer_as_json(row.customer)
    data["date"] = row.date
    data["slot"] = format_start(row.slot)
    data["total_guests"] = row.total_guests
    data["status"] = row.status
    data["total_due_cents"] = row.total_due_cents
    data["balance_due_cents"] = row.balance_due_cents
    data["special_requests"] = row.special_requests
    data["source"] = row.source
    data["created_at"] = row.created_at
    data["updated_at"] = row.updated_at
    data["station"] = row.station
    data["starts_at"] = row.starts_at
    data["ends_at"] = row.ends_at
    data["slots"] = row.slots
    data["version"] = row.version
    data["needs_place"] = row.needs_place
    data["party_adults"] = row.party_adults
    data["party_kids"] = row.party_kids
    data["deposit_due_cents"] = row.deposit_due_cents
    data["external_ref"] = row.external_ref
    return data


def _customer_as_json(customer: ShownCustomer) -> dict[str, Any]:
    return {
        "customer_id": customer.customer_id,
        "email": customer.email,
        "name": customer.name,
        "phone": customer.phone,
        "flags": NO_FLAGS,
    }


@cache
def format_start(start: time) -> str:
    """Return a slot's start as `HH:MM`."""
    return f"{start:%H:%M}"


def slot_availability(station: Station, first: date, last: date) -> dict[date, list[SlotAvailability]]:
    """Return each day's slots, by start. Takes one query, and two more if the timetable is not in the process's cache."""
    timetable = _cached_timetable(station, first, last)
    return _slots(station.pk, timetable, _usage([station.pk], first, last), first, last)


def slot_availability_by_station(
    stations: Sequence[Station], first: date, last: date
) -> dict[int, dict[date, list[SlotAvailability]]]:
    """Return each day's slots, by start, for each station's primary key. Takes three queries for any number of stations."""
    timetables = load_timetables(stations, first, last)
    usage = _usage(list(timetables), first, last)
    return {pk: _slots(pk, timetable, usage, first, last) for pk, timetable in timetables.items()}


def _cached_timetable(station: Station, first: date, last: date) -> Timetable:
    with session.limited_to([station.pk]):
        return cached_timetable(station, first, last)


def _usage(stations: list[int], first: date, last: date) -> Usage:
    guests = Sum(F("booking__party_adults") + F("booking__party_kids"))
    holds = Hold.objects.filter(station__in=stations, date__range=(first, last))
    counted = holds.values_list("station_id", "date", "slot").annotate(parties=Count("pk"), guests=guests)
    return {(pk, day, start): (parties, guests) for pk, day, start, parties, guests in counted}


def _slots(pk: int, timetable: Timetable, usage: Usage, first: date, last: date) -> dict[date, list[SlotAvailability]]:
    return {
        day: [SlotAvailability(slot, *usage.get((pk, day, slot.start), UNUSED)) for slot in timetable.slots_of(day)]
        for day in days_between(first, last)
    }


def days_between(first: date, last: date) -> list[date]:
    """Return the dates from `first` to `last`, both included."""
    return [date.fromordinal(ordinal) for ordinal in range(first.toordinal(), last.toordinal() + 1)]


def etag(person: Person, stations: Iterable[Station | Counter], *query: object) -> str:
    """Return a strong ETag of the query, the person's permissions, the language and the stations' change counters.

    Read the stations before the rows: then a change in between makes the next answer a new one, and is not missed.
    """
    counters = ",".join(
        f"{station.pk}:{station.changes}" for station in sorted(stations, key=lambda station: station.pk)
    )
    text = "|".join([ROW_FORMAT, counters, str(person.has_perm(roles.PII)), str(get_language()), *map(str, query)])
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
