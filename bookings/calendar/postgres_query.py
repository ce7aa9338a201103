"""The calendar's query in PostgreSQL's own SQL: bookings alone, or everything that a station's page shows."""

# On SQLite the read model asks the ORM for the same; a test compares the two. This statement avoids what costs more
# than the query itself: model instances, values sent as text, and a plan that scans all customers for a month of them
# (docs/performance.md).

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from functools import cache
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from django.db import connections
from django.db.models import Model

from accounts.encryption import EncryptedTextField
from accounts.models import Customer
from bookings.calendar import replica
from bookings.models import Booking
from bookings.models.status import RESCHEDULABLE
from core.db import sql
from stations.models import Station

Values = tuple[Any, ...]
SlotKey = tuple[int, date, time]
"""A station's primary key, a date and a start."""

_STATION_CODE: Final = "station__code"
_CUSTOMER_PREFIX: Final = "customer__"
_PRIMARY_KEYS: Final[Mapping[type[Model], str]] = {Booking: "pk", Customer: "customer_id"}
"""For each model, the column with its rows' primary keys, which are UUIDs."""

# OFFSET 0 keeps the planner from joining the whole table of customers: each customer is one step in an index, however
# many there are. The bookings of one station are read in the order of their index.
_BOOKINGS: Final = """SELECT {columns} FROM bookings_booking b
LEFT JOIN LATERAL (SELECT {customers} FROM accounts_customer c WHERE c.id = b.customer_id OFFSET 0) c ON true
WHERE b.station_id = {stations} AND """
_BETWEEN_DATES: Final = "b.date BETWEEN %s AND %s{status}{customer}"
_UNASSIGNED: Final = "b.needs_place AND b.status IN ({})".format(", ".join(f"'{status}'" for status in RESCHEDULABLE))
# Usage is counted from the holds, not from the bookings: the holds are what limits a slot.
_USAGE: Final = """SELECT {columns} FROM bookings_hold h
JOIN LATERAL (SELECT b.party_adults + b.party_kids AS guests FROM bookings_booking b WHERE b.id = h.booking_id OFFSET 0) b ON true
WHERE h.station_id = %s AND h.date BETWEEN %s AND %s GROUP BY h.station_id, h.date, h.slot"""
_USAGE_COLUMNS: Final = {
    _STATION_CODE: "h.station_id", "date": "h.date", "slot": "h.slot",
    "party_adults": "count(*)", "party_kids": "sum(b.guests)",
}  # fmt: skip
"""In a row with the usage of a slot, what the bookings' columns contain; all others, the primary key too, are NULL."""
_ORDER: Final = " ORDER BY date, slot, created_at, id"


def is_supported() -> bool:
    """Whether calendars are read from PostgreSQL."""
    return connections[replica.alias()].vendor == "postgresql"


def fetch_bookings(
    columns: Sequence[str],
    stations: Mapping[int, str],
    first: date,
    last: date,
    *,
    status: str | None = None,
    customer_id: UUID | None = None,
) -> Iterator[Values]:
    """Return the values of `columns`, named as for `values_list`, for each booking in the calendar's order, decrypted.

    `stations` maps primary keys to codes.
    """
    [*keys] = stations
    one = len(keys) == 1
    text = _build_bookings_sql(tuple(columns), one, bool(status), bool(customer_id))
    params = [keys[0] if one else keys, first, last, *filter(None, (status, customer_id))]
    return _decode_columns(columns, sql.fetch(text, params, using=replica.alias(), binary=True), stations)


def fetch_station_calendar(
    columns: Sequence[str],
    station: Station,
    first: date,
    last: date,
    *,
    status: str | None = None,
    customer_id: UUID | None = None,
) -> tuple[Iterator[Values], dict[SlotKey, tuple[int, int]]]:
    """Return what `fetch_bookings` finds at one station, all its unassigned bookings, and parties and guests of each used slot.

    Takes one statement.
    """
    pk = station.pk
    text = _build_station_calendar_sql(tuple(columns), bool(status), bool(customer_id))
    params = [pk, first, last, *filter(None, (status, customer_id)), pk, pk, first, last]
    bookings: list[Values] = []
    used: list[Values] = []
    for values in sql.fetch(text, params, using=replica.alias(), binary=True):
        (bookings if values[0] else used).append(values)
    usage_of = itemgetter(*map(columns.index, _USAGE_COLUMNS))
    usage = {(key, day, start): (parties, guests) for key, day, start, parties, guests in map(usage_of, used)}
    return _decode_columns(columns, bookings, {pk: station.code}), usage


def _decode_columns(columns: Sequence[str], found: Sequence[Values], stations: Mapping[int, str]) -> Iterator[Values]:
    # Column by column: decrypting a whole column in one loop costs fewer calls.
    by_name = dict(zip(columns, zip(*found, strict=True), strict=bool(found)))
    primary_keys = {name: [key and key.bytes for key in by_name.get(name, ())] for name in _PRIMARY_KEYS.values()}
    decoded = [_decode_column(name, values, stations, primary_keys) for name, values in by_name.items()]
    return zip(*decoded, strict=True)


def _decode_column(
    name: str, values: Sequence[Any], stations: Mapping[int, str], primary_keys: Mapping[str, Sequence[bytes | None]]
) -> Sequence[Any]:
    if name == _STATION_CODE:
        return [stations[key] for key in values]
    field = _field(name)
    if isinstance(field, EncryptedTextField):
        return field.read_all(values, primary_keys[_PRIMARY_KEYS[field.model]])
    return values


@cache
def _field(name: str) -> Any:
    model = Customer if name.startswith(_CUSTOMER_PREFIX) else Booking
    name = name.removeprefix(_CUSTOMER_PREFIX)
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


@cache
def _build_bookings_sql(columns: tuple[str, ...], one: bool, status: bool, customer: bool) -> str:
    return _select_bookings(columns, one=one) + _between_dates(status, customer) + _ORDER


@cache
def _build_station_calendar_sql(columns: tuple[str, ...], status: bool, customer: bool) -> str:
    parts = [
        _select_bookings(columns) + _between_dates(status, customer) + f" AND NOT ({_UNASSIGNED})",
        _select_bookings(columns) + _UNASSIGNED,
        _USAGE.format(columns=", ".join(_USAGE_COLUMNS.get(name, "NULL") for name in columns)),
    ]
    return "\nUNION ALL ".join(parts) + _ORDER


def _select_bookings(columns: tuple[str, ...], *, one: bool = True) -> str:
    customer_columns = [name for name in columns if name.startswith(_CUSTOMER_PREFIX)]
    return _BOOKINGS.format(
        columns=", ".join(map(_column, columns)),
        customers=", ".join(map(_column, customer_columns)),
        stations="%s" if one else "ANY(%s)",
    )


def _between_dates(status: bool, customer: bool) -> str:
    return _BETWEEN_DATES.format(
        status=" AND b.status = %s" if status else "", customer=" AND b.customer_id = %s" if customer else ""
    )


def _column(name: str) -> str:
    if name == _STATION_CODE:
        return "b.station_id"
    return f"{'c' if name.startswith(_CUSTOMER_PREFIX) else 'b'}.{_field(name).column}"
