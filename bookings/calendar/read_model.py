"""What a calendar shows: the one read model that the JSON and the pages share.

Rows pass from one joined query to the reader; nothing is decrypted that the person may not see.
"""

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
from stations.timetable_queries import kept_timetable_of, timetables_of

COLUMNS = (
    "pk", "customer_id", "customer__name", "date", "slot", "party_adults", "party_kids", "status", "total_due_cents",
    "deposit_due_cents", "source", "created_at", "updated_at", "station__code", "starts_at", "ends_at", "slots", "version",
    "needs_place", "customer__erased_at", "external_ref",
)  # fmt: skip
WISHES = ("special_requests",)
CONTACT = ("customer__email", "customer__phone")
UNTOLD: tuple[Any, ...] = (None, "", "")
"""What stands for wishes, email and phone that were not asked for."""
ROWS_AT_ONCE = 500
ROW_FORMAT: Final = "2"
"""Counted up by each release whose rows differ: what callers keep from the release before is not confirmed."""
NO_FLAGS: Final = ()
"""Customers have no flags yet: rows carry the key so that callers can rely on it."""


class Row(NamedTuple):
    """One booking as one person may see it. Dates and slots are the station's local time, instants UTC."""

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
        """What is still to be paid, in the currency's smallest unit. The contract's `balance_due_cents` ignores the status."""
        return self.balance_due_cents if self.status in OWING else 0

    @property
    def waits_for_place(self) -> bool:
        """Whether it stands beside the grid: displaced, and not yet done with in the place that it had."""
        return self.needs_place and self.status in RESCHEDULABLE


class Cell(NamedTuple):
    """A slot with what is taken of it."""

    slot: Slot
    parties: int
    guests: int

    @property
    def left(self) -> int:
        """Places for parties: none where it is closed, or where no guest fits any more."""
        if self.slot.closed or (self.guests_left is not None and self.guests_left < 1):
            return 0
        return max(self.slot.capacity - self.parties, 0)

    @property
    def guests_left(self) -> int | None:
        """Places for guests; None where only parties count."""
        return None if self.slot.guest_capacity is None else max(self.slot.guest_capacity - self.guests, 0)


Taken = Mapping[tuple[int, date, time], tuple[int, int]]
"""Parties and guests in the slots of stations (by their keys) of which anything is taken."""
NOTHING: Final = (0, 0)


class Desk(NamedTuple):
    """All that the page of one station shows."""

    standing: list[Row]
    """The bookings in the grid, in the order of `rows`."""
    displaced: list[Row]
    """Those beside it, whatever their date, until they have a place."""
    cells: dict[date, list[Cell]]
    """Each day's slots in order of start."""


def rows(
    person: Person,
    stations: Sequence[Station | Counter],
    first: date,
    last: date,
    *,
    status: str | None = None,
    customer_id: UUID | None = None,
    contact: bool = True,
) -> list[Row]:
    """The bookings of these stations on local dates from `first` to `last`, by date, slot, then creation.

    `stations` are ones the person sees (`Station.objects.visible_to`). Pages leave the customers' contact out: on them it is
    for whoever asks for it.
    """
    if postgres_query.is_spoken():
        private = person.has_perm(roles.PII)
        columns, codes = _columns(private=private, contact=contact), {station.pk: station.code for station in stations}
        found = postgres_query.ask(columns, codes, first, last, status=status, customer_id=customer_id)
        return _seen(found, private=private)
    asked = _asked([station.pk for station in stations], first, last, status, customer_id)
    return read(person, asked.in_order(), contact=contact)


def _asked(
    stations: list[int], first: date, last: date, status: str | None, customer_id: UUID | None
) -> "BookingQuerySet[Booking]":
    found = Booking.objects.filter(station__in=stations).between(first, last)
    found = found.filter(status=status) if status else found
    return found.filter(customer=customer_id) if customer_id else found


def desk_of(
    person: Person,
    station: Station,
    first: date,
    last: date,
    *,
    status: str | None = None,
    customer_id: UUID | None = None,
) -> Desk:
    """What a page shows of a station that the person sees, without its customers' contact: in the grid only what `status` and
    `customer_id` leave of it, beside it all that is displaced.

    One query on PostgreSQL, two elsewhere; two more where the process has not kept the timetable.
    """
    timetable, private = _kept_timetable(station, first, last), person.has_perm(roles.PII)
    taken: Taken
    if postgres_query.is_spoken():
        columns = _columns(private=private, contact=False)
        found, taken = postgres_query.ask_desk(columns, station, first, last, status=status, customer_id=customer_id)
        both = _seen(found, private=private)
    else:
        asked = _asked([station.pk], first, last, status, customer_id)
        beside = Booking.objects.filter(station=station.pk).displaced()
        both, taken = read(person, (asked | beside).in_order(), contact=False), _taken([station.pk], first, last)
    desk = Desk([], [], _cells(station.pk, timetable, taken, first, last))
    for one in both:
        (desk.displaced if one.waits_for_place else desk.standing).append(one)
    return desk


def row(person: Person, booking: Booking, *, contact: bool = True) -> Row:
    """One booking, just written or just read."""
    [only] = read(person, Booking.objects.filter(pk=booking.pk), contact=contact)
    return only


def read(person: Person, found: "BookingQuerySet[Booking]", *, contact: bool = True) -> list[Row]:
    """Bookings as the person may see them: initials, no contact and no wishes without the right to personal data."""
    private = person.has_perm(roles.PII)
    return _seen(found.values_list(*_columns(private=private, contact=contact)), private=private)


def stream(found: "BookingQuerySet[Booking]", *, private: bool) -> Iterator[Row]:
    """Bookings one after the other, however many, by one query and in little memory; personal data where `private` says so."""
    columns = _columns(private=private, contact=private)
    for values in found.values_list(*columns).iterator(chunk_size=ROWS_AT_ONCE):
        yield from _seen([values], private=private)


def _columns(*, private: bool, contact: bool) -> tuple[str, ...]:
    """No more is read, and so decrypted, than is shown."""
    return (*COLUMNS, *(WISHES if private else ()), *(CONTACT if private and contact else ()))


def _seen(found: Iterable[Sequence[Any]], *, private: bool) -> list[Row]:
    """Values of `COLUMNS`, and of what more was asked for, as rows."""
    row_of, customer_of = Row._make, ShownCustomer._make  # a third faster than their constructors
    rows = []
    for values in found:
        (pk, customer_id, name, day, slot, adults, kids, status, total, deposit, source, created, updated, station, starts,
         ends, slots, version, needs_place, erased_at, reference, *more) = values  # fmt: skip
        wishes, email, phone = (*more, *UNTOLD[len(more) :])
        customer = None
        if customer_id:
            customer = customer_of(
                (customer_id, name if private else initials(name), email, phone, erased_at is not None)
            )
        rows.append(
            row_of((
                pk, customer, day, slot, adults + kids, status, total, total - deposit, wishes, source, created, updated,
                station, starts, ends, slots, version, needs_place, adults, kids, deposit, reference,
            ))
        )  # fmt: skip
    return rows


JSON_KEYS: Final[dict[str, Any]] = dict.fromkeys((
    *("booking_id", "customer", "date", "slot", "total_guests", "status", "total_due_cents", "balance_due_cents"),
    *("special_requests", "source", "created_at", "updated_at", "station", "starts_at", "ends_at", "slots", "version"),
    *("needs_place", "party_adults", "party_kids", "deposit_due_cents", "external_ref", "series", "held_until"),
))  # fmt: skip
"""The keys of a row in their order, all null: `series` and `held_until` always are so far."""


def as_json(shown: Row) -> dict[str, Any]:
    """The contract's row: exactly these keys, in types that JSON is written from (`core.api.negotiation`)."""
    made = JSON_KEYS.copy()  # with room for all: a dict that grows while it is filled takes half as long again
    made["booking_id"] = shown.booking_id
    made["customer"] = shown.customer and _customer_as_json(shown.customer)
    made["date"] = shown.date
    made["slot"] = clock(shown.slot)
    made["total_guests"] = shown.total_guests
    made["status"] = shown.status
    made["total_due_cents"] = shown.total_due_cents
    made["balance_due_cents"] = shown.balance_due_cents
    made["special_requests"] = shown.special_requests
    made["source"] = shown.source
    made["created_at"] = shown.created_at
    made["updated_at"] = shown.updated_at
    made["station"] = shown.station
    made["starts_at"] = shown.starts_at
    made["ends_at"] = shown.ends_at
    made["slots"] = shown.slots
    made["version"] = shown.version
    made["needs_place"] = shown.needs_place
    made["party_adults"] = shown.party_adults
    made["party_kids"] = shown.party_kids
    made["deposit_due_cents"] = shown.deposit_due_cents
    made["external_ref"] = shown.external_ref
    return made


def _customer_as_json(customer: ShownCustomer) -> dict[str, Any]:
    return {
        "customer_id": customer.customer_id,
        "email": customer.email,
        "name": customer.name,
        "phone": customer.phone,
        "flags": NO_FLAGS,
    }


@cache
def clock(slot: time) -> str:
    """`HH:MM`; a day has no more than 1,440 of them."""
    return f"{slot:%H:%M}"


def cells(station: Station, first: date, last: date) -> dict[date, list[Cell]]:
    """Each day's slots in order of start, with what is taken; one query where the timetable is kept, three where it is not."""
    timetable = _kept_timetable(station, first, last)
    return _cells(station.pk, timetable, _taken([station.pk], first, last), first, last)


def _kept_timetable(station: Station, first: date, last: date) -> Timetable:
    with session.limited_to([station.pk]):
        return kept_timetable_of(station, first, last)


def cells_of(stations: Sequence[Station], first: date, last: date) -> dict[int, dict[date, list[Cell]]]:
    """The same for many stations, by their keys; three queries, however many."""
    timetables = timetables_of(stations, first, last)
    taken = _taken(list(timetables), first, last)
    return {pk: _cells(pk, timetable, taken, first, last) for pk, timetable in timetables.items()}


def _taken(stations: list[int], first: date, last: date) -> Taken:
    guests = Sum(F("booking__party_adults") + F("booking__party_kids"))
    held = Hold.objects.filter(station__in=stations, date__range=(first, last)).values_list(
        "station_id", "date", "slot"
    )
    return {
        tuple(where): (parties, seated) for *where, parties, seated in held.annotate(parties=Count("pk"), guests=guests)
    }


def _cells(pk: int, timetable: Timetable, taken: Taken, first: date, last: date) -> dict[date, list[Cell]]:
    return {
        day: [Cell(slot, *taken.get((pk, day, slot.start), NOTHING)) for slot in timetable.slots_of(day)]
        for day in days_between(first, last)
    }


def days_between(first: date, last: date) -> list[date]:
    """Every date from `first` to `last`, both included."""
    return [date.fromordinal(ordinal) for ordinal in range(first.toordinal(), last.toordinal() + 1)]


def etag(person: Person, stations: Iterable[Station | Counter], *query: object) -> str:
    """A strong ETag: of the query, the person's rights, the language and the stations' change counters.

    The stations must be read before the rows, so that a change in between makes the next answer new rather than old.
    """
    known = ",".join(f"{station.pk}:{station.changes}" for station in sorted(stations, key=lambda station: station.pk))
    text = "|".join([ROW_FORMAT, known, str(person.has_perm(roles.PII)), str(get_language()), *map(str, query)])
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
