"""The calendar's one statement, as PostgreSQL answers it fastest: of bookings alone, or of all that a page shows.

It asks what `calendar` asks by the ORM elsewhere, and a test holds the two to the same answers; this one is spared what costs
more than the question itself: models, text in place of binary values, and a plan that reads a whole table of customers for a
month of them (`docs/performance.md` has the figures).
"""

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
Where = tuple[int, date, time]
"""A slot: its station's key, its date, its start."""

_OF_THE_STATION: Final = "station__code"
_OF_THE_CUSTOMER: Final = "customer__"
_ROW_KEYS: Final[Mapping[type[Model], str]] = {Booking: "pk", Customer: "customer_id"}
"""By model, the column with the keys of its rows, which are UUIDs."""
_BOOKINGS: Final = """SELECT {columns} FROM bookings_booking b
LEFT JOIN LATERAL (SELECT {customers} FROM accounts_customer c WHERE c.id = b.customer_id OFFSET 0) c ON true
WHERE b.station_id = {stations} AND """
"""The customers of these bookings are looked up one by one (OFFSET keeps the planner from joining all that there are): a step
each in an index, however many customers the table has. One station's bookings are read in the order of their index."""
_OF_DATES: Final = "b.date BETWEEN %s AND %s{status}{customer}"
_DISPLACED: Final = "b.needs_place AND b.status IN ({})".format(", ".join(f"'{status}'" for status in RESCHEDULABLE))
_TAKEN: Final = """SELECT {columns} FROM bookings_hold h
JOIN LATERAL (SELECT b.party_adults + b.party_kids AS guests FROM bookings_booking b WHERE b.id = h.booking_id OFFSET 0) b ON true
WHERE h.station_id = %s AND h.date BETWEEN %s AND %s GROUP BY h.station_id, h.date, h.slot"""
"""The ledger itself is asked, and nothing reckoned from the bookings: it alone is true."""
_OF_THE_LEDGER: Final = {
    _OF_THE_STATION: "h.station_id", "date": "h.date", "slot": "h.slot",
    "party_adults": "count(*)", "party_kids": "sum(b.guests)",
}  # fmt: skip
"""What the bookings' columns hold, their key none, in a row that tells what is taken of a slot."""
_IN_ORDER: Final = " ORDER BY date, slot, created_at, id"


def is_spoken() -> bool:
    return connections[replica.alias()].vendor == "postgresql"


def ask(
    columns: Sequence[str],
    stations: Mapping[int, str],
    first: date,
    last: date,
    *,
    status: str | None = None,
    customer_id: UUID | None = None,
) -> Iterator[Values]:
    """The values of `columns`, named as `values_list` names them, for each booking in the calendar's order; what is encrypted is
    read. `stations` are codes by their keys."""
    [*keys] = stations
    where = keys[0] if len(keys) == 1 else keys
    text = _worded(tuple(columns), len(keys) == 1, bool(status), bool(customer_id))
    asked = [where, first, last, *filter(None, (status, customer_id))]
    return _decode_columns(columns, sql.fetch(text, asked, using=replica.alias(), binary=True), stations)


def ask_desk(
    columns: Sequence[str],
    station: Station,
    first: date,
    last: date,
    *,
    status: str | None = None,
    customer_id: UUID | None = None,
) -> tuple[Iterator[Values], dict[Where, tuple[int, int]]]:
    """What `ask` finds of one station, all of its displaced bookings among them, and how many parties and guests take of its
    slots: by one statement."""
    pk = station.pk
    text = _worded_desk(tuple(columns), bool(status), bool(customer_id))
    asked = [pk, first, last, *filter(None, (status, customer_id)), pk, pk, first, last]
    bookings: list[Values] = []
    ledger: list[Values] = []
    for values in sql.fetch(text, asked, using=replica.alias(), binary=True):
        (bookings if values[0] else ledger).append(values)
    read = itemgetter(*map(columns.index, _OF_THE_LEDGER))
    taken = {(key, day, slot): (parties, guests) for key, day, slot, parties, guests in map(read, ledger)}
    return _decode_columns(columns, bookings, {pk: station.code}), taken


def _decode_columns(columns: Sequence[str], found: Sequence[Values], stations: Mapping[int, str]) -> Iterator[Values]:
    """Each column at once."""
    by_name = dict(zip(columns, zip(*found, strict=True), strict=bool(found)))
    row_keys = {name: [key and key.bytes for key in by_name.get(name, ())] for name in _ROW_KEYS.values()}
    read = [_read(name, values, stations, row_keys) for name, values in by_name.items()]
    return zip(*read, strict=True)


def _read(
    name: str, values: Sequence[Any], stations: Mapping[int, str], row_keys: Mapping[str, Sequence[bytes | None]]
) -> Sequence[Any]:
    if name == _OF_THE_STATION:
        return [stations[key] for key in values]
    column = _field(name)
    if isinstance(column, EncryptedTextField):
        return column.read_all(values, row_keys[_ROW_KEYS[column.model]])
    return values


@cache
def _field(name: str) -> Any:
    model = Customer if name.startswith(_OF_THE_CUSTOMER) else Booking
    name = name.removeprefix(_OF_THE_CUSTOMER)
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


@cache
def _worded(columns: tuple[str, ...], one: bool, status: bool, customer: bool) -> str:
    return _bookings(columns, one=one) + _of_dates(status, customer) + _IN_ORDER


@cache
def _worded_desk(columns: tuple[str, ...], status: bool, customer: bool) -> str:
    parts = [
        _bookings(columns) + _of_dates(status, customer) + f" AND NOT ({_DISPLACED})",
        _bookings(columns) + _DISPLACED,
        _TAKEN.format(columns=", ".join(_OF_THE_LEDGER.get(name, "NULL") for name in columns)),
    ]
    return "\nUNION ALL ".join(parts) + _IN_ORDER


def _bookings(columns: tuple[str, ...], *, one: bool = True) -> str:
    of_customers = [name for name in columns if name.startswith(_OF_THE_CUSTOMER)]
    return _BOOKINGS.format(
        columns=", ".join(map(_column, columns)),
        customers=", ".join(map(_column, of_customers)),
        stations="%s" if one else "ANY(%s)",
    )


def _of_dates(status: bool, customer: bool) -> str:
    return _OF_DATES.format(
        status=" AND b.status = %s" if status else "", customer=" AND b.customer_id = %s" if customer else ""
    )


def _column(name: str) -> str:
    if name == _OF_THE_STATION:
        return "b.station_id"
    return f"{'c' if name.startswith(_OF_THE_CUSTOMER) else 'b'}.{_field(name).column}"
