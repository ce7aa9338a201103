"""Plain statements, worded once a process: for what every change of the product sends again and again.

The ORM words a statement anew each time, which takes longer than the database's answer, and waits for each; what is sent
`together` is waited for once. No signal is sent and nobody counts the rows that were met: who writes here holds the station's
lock, and has read under it what it writes.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache, lru_cache
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, Error, connection, connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models.base import ModelState
from psycopg.pq import Format

from core import metrics
from core.db.columns import Columns

Row = TypeVar("Row", bound=models.Model)
Key = tuple[str, Sequence[Any]]
"""A row's key as a statement has it, with the values that belong there: `%s`, or a question in parentheses that finds it."""

KEPT: Final = 500
"""Where the words depend on how many values there are, not for each number that there will ever be."""


@contextmanager
def together(*, to_the_commit: bool = False) -> Iterator[None]:
    """Sends what is inside in one go. The wait is at the end, or where an answer is looked at; a refusal is raised there, too.

    Of the ORM only reads may stand inside: its writes look for the number of rows that they met. SQLite, to which there is no
    way, is asked one by one. What is the last of a transaction may go `to_the_commit`: then a refusal is raised there.
    """
    database = connections[DEFAULT_DB_ALIAS]
    try:
        with database.in_one_go(to_the_commit=to_the_commit) if hasattr(database, "in_one_go") else nullcontext():
            yield
    except Error as error:
        metrics.failed(error)
        raise


def send(sql: str, values: Sequence[Any]) -> None:
    database = connections[DEFAULT_DB_ALIAS]
    _take_back(database, _executed(database, sql, values))


def fetch(sql: str, values: Sequence[Any], *, of: str = DEFAULT_DB_ALIAS, binary: bool = False) -> list[Any]:
    """The rows of an answer, as the database of that alias gives them; `binary` as its own bytes, where that is better."""
    database = connections[of]
    return _rows(database, _executed(database, sql, values, binary=binary))


def ask(sql: str, values: Sequence[Any], columns: Columns) -> Callable[[], Sequence[Sequence[Any]]]:
    """Sends a question; what is returned gives the answer's rows, once, when they are wanted, each value as its column's field
    has it."""
    read, database = columns.read, connections[router.db_for_read(columns.model)]
    cursor = _executed(database, sql, values, binary=columns.binary)

    def rows() -> Sequence[Sequence[Any]]:
        found = _rows(database, cursor)
        return [read(row) for row in found] if read else found

    if database.vendor == "sqlite":  # an answer that nobody reads to its end would hold on to what the file says now
        found = rows()
        return lambda: found
    return rows


def ask_for(
    model: type[Row], where: str, values: Sequence[Any], *, order: str = "", lock: str = "", but: Sequence[str] = ()
) -> Callable[[], list[Row]]:
    """The same for a model's rows, all of their fields `but` some, which are read when they are looked at. The table is called t
    in what `where`, `order` and `lock` say; SQLite has one writer, and leaves locks out."""
    columns = _columns(model, tuple(but))
    rows = ask(_select(model, columns, where, order, lock), values, columns)
    return lambda: [as_row(model, columns, row) for row in rows()]


def as_row(model: type[Row], columns: Columns, values: Iterable[Any]) -> Row:
    """An instance as the database has it, whose other fields are read when they are looked at. Django's own way asks each field
    whether it may be set, and sends two signals."""
    row = model.__new__(model)
    row._state = ModelState()
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    row.__dict__.update(zip(columns.names, values, strict=True))
    return row


def insert(rows: Sequence[models.Model]) -> None:
    """New rows of one model. A key that the database gives is not asked for."""
    if not rows:
        return
    sql, columns = _insert(type(rows[0]))
    values = [columns.sent(row, adding=True) for row in rows]
    if len(values) == 1:
        send(sql, values[0])
    else:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.executemany(sql, values)
    for row in rows:
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def update(row: models.Model, names: Sequence[str], *, by: str = "pk") -> None:
    """These fields of a row, by its key, or of whichever rows have the same in the field `by`."""
    sql, columns = _update(type(row), tuple(names), by)
    send(sql, columns.sent(row, adding=False))


def key(pk: Any) -> Key:
    """One that is known."""
    return "%s", [pk]


def among(column: str, values: Collection[Any]) -> tuple[str, list[Any]]:
    """A condition that a column has one of these values, and the values to send. One is asked for as one, for PostgreSQL takes a
    list to be of ten values and plans it anew each time; more are a list to it, in the same words however many they are.
    """
    if len(values) == 1:
        return f"{column} = %s", list(values)
    if connection.vendor == "postgresql":
        return f"{column} = ANY(%s)", [list(values)]
    return f"{column} IN ({', '.join(['%s'] * len(values))})", list(values)


def _executed(database: Any, sql: str, values: Sequence[Any], *, binary: bool = False) -> CursorWrapper:
    """A cursor that has sent it."""
    cursor: CursorWrapper = database.lend() if hasattr(database, "lend") else database.cursor()
    if database.vendor == "postgresql":
        cursor.cursor.format = Format.BINARY if binary else Format.TEXT
    cursor.execute(sql, _as_kept(values, database))
    return cursor


def _rows(database: Any, cursor: CursorWrapper) -> list[Any]:
    found: list[Any] = cursor.fetchall()
    _take_back(database, cursor)
    return found


def _take_back(database: Any, cursor: CursorWrapper) -> None:
    if hasattr(database, "take_back"):
        database.take_back(cursor)
    else:
        cursor.close()


def _as_kept(values: Sequence[Any], database: BaseDatabaseWrapper) -> Sequence[Any]:
    """SQLite has no type of its own for the keys of bookings."""
    if database.features.has_native_uuid_field:
        return values
    return [value.hex if isinstance(value, UUID) else value for value in values]


@cache
def _columns(model: type[models.Model], but: tuple[str, ...]) -> Columns:
    return Columns(field for field in model._meta.concrete_fields if field.name not in but)


@lru_cache(KEPT)
def _select(model: type[models.Model], columns: Columns, where: str, order: str, lock: str) -> str:
    order = f" ORDER BY {order}" if order else ""
    lock = f" {lock}" if lock and connection.features.has_select_for_update else ""
    return f'SELECT {columns.worded()} FROM "{model._meta.db_table}" t WHERE {where}{order}{lock}'  # noqa: S608


@cache
def _insert(model: type[models.Model]) -> tuple[str, Columns]:
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
    names = ", ".join(f'"{field.column}"' for field in fields)
    values = ", ".join(["%s"] * len(fields))
    return f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({values})', Columns(fields)  # noqa: S608


@cache
def _update(model: type[models.Model], names: tuple[str, ...], by: str) -> tuple[str, Columns]:
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    key: Any = model._meta.pk if by == "pk" else model._meta.get_field(by)
    set_to = ", ".join(f'"{field.column}" = %s' for field in fields)
    return f'UPDATE "{model._meta.db_table}" SET {set_to} WHERE "{key.column}" = %s', Columns([*fields, key])  # noqa: S608
