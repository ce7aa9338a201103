"""The columns of a plain statement: how their values come from the database, and how they go there.

The ORM asks each field each time what its value is to the database. Most values are there what they are here, and to ask takes
longer than to send them: what is known of a column stands here, once a process.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from functools import cached_property
from types import NoneType
from typing import Any, Final
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections, models

Field = Any
"""A model's; the stubs know no kind of it that fits all."""

_AS_IT_IS: Final[Mapping[type[Field], type]] = {
    models.AutoField: int,
    models.BigAutoField: int,
    models.BinaryField: bytes,
    models.BooleanField: bool,
    models.CharField: str,
    models.DateField: date,
    models.DateTimeField: datetime,
    models.TextField: str,
    models.TimeField: time,
    models.UUIDField: UUID,
}
"""Of which type a value is to PostgreSQL what it is here, by its field."""
_NULL_AS_WELL: Final = (models.IntegerField, models.JSONField)
"""Of whose values only None is."""
_AS_TEXT: Final = (models.JSONField, models.GenericIPAddressField)
"""What Django reads from text alone."""


class Columns:
    """Of these fields, in this order."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self.fields = tuple(fields)
        self.names = [field.attname for field in self.fields]
        self.model: type[models.Model] = self.fields[0].model

    def worded(self, alias: str = "t") -> str:
        """For a statement: by name, for a plan that PostgreSQL keeps of `*` fails on the day on which an upgrade adds one."""
        compiler = models.QuerySet(self.model).query.get_compiler(connection=connection)
        return ", ".join(field.select_format(compiler, f'{alias}."{field.column}"', [])[0] for field in self.fields)

    @cached_property
    def binary(self) -> bool:
        """Whether they are better read as PostgreSQL's own bytes: a time stamp that comes as text costs more than all else."""
        return connection.vendor == "postgresql" and not any(isinstance(field, _AS_TEXT) for field in self.fields)

    @cached_property
    def read(self) -> Callable[[Sequence[Any]], Sequence[Any]] | None:
        """What makes the fields' values of a row as the database gives it; None where it gives them as they are."""
        compiler = models.QuerySet(self.model).query.get_compiler(connection=connection)
        converters = compiler.get_converters([field.get_col("t") for field in self.fields])

        def read(row: Sequence[Any]) -> Sequence[Any]:
            values = list(row)
            for at, (each, expression) in converters.items():
                for convert in each:
                    values[at] = convert(values[at], expression, connection)
            return values

        return read if converters else None

    def sent(self, row: models.Model, *, adding: bool) -> list[Any]:
        """A row's values as the database takes them."""
        values = []
        for name, field, number, as_it_is in self._ways:
            value = getattr(row, name)
            kind = type(value)
            if number and kind is int:
                value = number(value)
            elif not as_it_is[kind]:
                value = field.get_db_prep_save(field.pre_save(row, adding), connections[DEFAULT_DB_ALIAS])
            values.append(value)
        return values

    @cached_property
    def _ways(self) -> list[tuple[str, Field, Any, "_AsItIs"]]:
        """Each field under its name, with what the database wants around a number, and which values it takes as they are."""
        numbers: Mapping[str, Any] = getattr(connection.ops, "integerfield_type_map", {})
        ways = []
        for field in self.fields:
            target = getattr(field, "target_field", field)
            ways.append((field.attname, field, numbers.get(target.get_internal_type()), _AsItIs(target)))
        return ways


class _AsItIs(dict[type, bool]):
    """Whether a value of a type is to the database what it is here, found out once for each type that a field meets."""

    def __init__(self, field: Field) -> None:
        self._field = field
        fills_itself_in = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
        self._asks_nobody = connection.vendor == "postgresql" and not fills_itself_in

    def __missing__(self, kind: type) -> bool:
        self[kind] = found = self._asks_nobody and self._is_known(kind)
        return found

    def _is_known(self, kind: type) -> bool:
        known = _AS_IT_IS.get(type(self._field))
        if kind is NoneType:
            return known is not None or isinstance(self._field, _NULL_AS_WELL)
        return kind is known or (known is str and issubclass(kind, str))
