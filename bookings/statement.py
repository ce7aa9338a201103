"""The calendar's one statement, as PostgreSQL answers it fastest.

It asks what `calendar.read` asks of any bookings, and a test holds the two to the same rows; this one is spared what costs more
than the question itself: models, text in place of binary values, and a plan that reads a whole table of customers for a month of
them (`docs/performance.md` has the figures).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, Final
from uuid import UUID

from django.db import connections
from psycopg.pq import Format

from accounts.encryption import EncryptedTextField
from accounts.models import Customer
from bookings import reading
from bookings.models import Booking

_OF_THE_STATION: Final = "station__code"
_OF_THE_CUSTOMER: Final = "customer__"
_STATEMENT: Final = """SELECT {columns} FROM bookings_booking b
LEFT JOIN LATERAL (SELECT {customers} FROM accounts_customer c WHERE c.id = b.customer_id OFFSET 0) c ON true
WHERE b.station_id = {stations} AND b.date BETWEEN %s AND %s{status}{customer} ORDER BY b.date, b.slot, b.created_at, b.id"""
"""The customers of these bookings are looked up one by one (OFFSET keeps the planner from joining all that there are): a step
each in an index, however many customers the table has. One station's bookings are read in the order of their index."""


def is_spoken() -> bool:
    return connections[reading.alias()].vendor == "postgresql"


def ask(
    columns: Sequence[str],
    stations: Mapping[int, str],
    first: date,
    last: date,
    *,
    status: str | None = None,
    customer_id: UUID | None = None,
) -> Iterator[tuple[Any, ...]]:
    """The values of `columns`, named as `values_list` names them, for each booking in the calendar's order; what is encrypted is
    read. `stations` are codes by their keys."""
    [*keys] = stations
    where = keys[0] if len(keys) == 1 else keys
    values = [where, first, last, *([status] if status else []), *([customer_id] if customer_id else [])]
    with connections[reading.alias()].cursor() as cursor:
        cursor.cursor.format = Format.BINARY
        cursor.execute(_worded(tuple(columns), len(keys) == 1, bool(status), bool(customer_id)), values)
        found = cursor.fetchall()
    read = [_told(name, told, stations) for name, told in zip(columns, zip(*found, strict=True), strict=bool(found))]
    return zip(*read, strict=True)


def _told(name: str, values: Sequence[Any], stations: Mapping[int, str]) -> Sequence[Any]:
    """A whole column at once."""
    if name == _OF_THE_STATION:
        return [stations[key] for key in values]
    column = _field(name)
    return column.read_all(values) if isinstance(column, EncryptedTextField) else values


@cache
def _field(name: str) -> Any:
    model = Customer if name.startswith(_OF_THE_CUSTOMER) else Booking
    name = name.removeprefix(_OF_THE_CUSTOMER)
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


@cache
def _worded(columns: tuple[str, ...], one: bool, status: bool, customer: bool) -> str:
    columns_of_customers = [name for name in columns if name.startswith(_OF_THE_CUSTOMER)]
    return _STATEMENT.format(
        columns=", ".join(map(_column, columns)),
        customers=", ".join(map(_column, columns_of_customers)),
        stations="%s" if one else "ANY(%s)",
        status=" AND b.status = %s" if status else "",
        customer=" AND b.customer_id = %s" if customer else "",
    )


def _column(name: str) -> str:
    if name == _OF_THE_STATION:
        return "b.station_id"
    return f"{'c' if name.startswith(_OF_THE_CUSTOMER) else 'b'}.{_field(name).column}"
