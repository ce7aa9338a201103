"""Conversion between the fields of a model and the values of a plain SQL statement.

The ORM asks each field on each query how to convert its value, which takes longer than sending it. A `RowAdapter` finds out once
per process and passes values through that the database driver takes as they are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from functools import cached_property
from types import NoneType
from typing import Any, Final
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections, models

Field = Any
"""A model field. The stubs have no type that fits all of them."""

_PASSTHROUGH: Final[Mapping[type[Field], type]] = {
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
"""The Python type that psycopg takes without conversion, by field class. Subclasses are not listed: they may convert."""
_PASSTHROUGH_NULL: Final = (models.IntegerField, models.JSONField)
"""Fields whose None alone needs no conversion."""
_READ_AS_TEXT: Final = (models.JSONField, models.GenericIPAddressField)
"""Fields that Django can only read from PostgreSQL's text format."""


class RowAdapter:
    """Converts rows of these fields, in this order."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self.fields = tuple(fields)
        self.attnames = [field.attname for field in self.fields]
        self.model: type[models.Model] = self.fields[0].model

    def select_list(self, alias: str = "t") -> str:
        """The columns by name. With `*`, a prepared statement fails once a migration has added a column."""
        compiler = models.QuerySet(self.model).query.get_compiler(connection=connection)
        return ", ".join(field.select_format(compiler, f'{alias}."{field.column}"', [])[0] for field in self.fields)

    @cached_property
    def is_binary(self) -> bool:
        """Whether to read the rows in PostgreSQL's binary format. Parsing a timestamp from text costs more than all the rest."""
        return connection.vendor == "postgresql" and not any(isinstance(field, _READ_AS_TEXT) for field in self.fields)

    @cached_property
    def from_db(self) -> Callable[[Sequence[Any]], Sequence[Any]] | None:
        """A function from a row of the database to the fields' values; None if no value needs conversion."""
        compiler = models.QuerySet(self.model).query.get_compiler(connection=connection)
        converters = compiler.get_converters([field.get_col("t") for field in self.fields])

        def convert_row(row: Sequence[Any]) -> Sequence[Any]:
            values = list(row)
            for index, (chain, expression) in converters.items():
                for convert in chain:
                    values[index] = convert(values[index], expression, connection)
            return values

        return convert_row if converters else None

    def to_db(self, row: models.Model, *, adding: bool) -> list[Any]:
        """The values of an instance as parameters of a statement."""
        values = []
        for attname, field, as_number, passthrough in self._adapters:
            value = getattr(row, attname)
            kind = type(value)
            if as_number and kind is int:
                value = as_number(value)
            elif not passthrough[kind]:
                value = field.get_db_prep_save(field.pre_save(row, adding), connections[DEFAULT_DB_ALIAS])
            values.append(value)
        return values

    @cached_property
    def _adapters(self) -> list[tuple[str, Field, Any, "_PassthroughTypes"]]:
        """For each field: its attribute, itself, psycopg's wrapper for integers of its size, and the types that pass through."""
        wrappers: Mapping[str, Any] = getattr(connection.ops, "integerfield_type_map", {})
        adapters = []
        for field in self.fields:
            target = getattr(field, "target_field", field)
            wrapper = wrappers.get(target.get_internal_type())
            adapters.append((field.attname, field, wrapper, _PassthroughTypes(target)))
        return adapters


class _PassthroughTypes(dict[type, bool]):
    """Whether a field's values of a type need no conversion, determined when a type is first met."""

    def __init__(self, field: Field) -> None:
        self._field = field
        has_pre_save = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
        self._is_possible = connection.vendor == "postgresql" and not has_pre_save

    def __missing__(self, kind: type) -> bool:
        self[kind] = found = self._is_possible and self._passes_through(kind)
        return found

    def _passes_through(self, kind: type) -> bool:
        known = _PASSTHROUGH.get(type(self._field))
        if kind is NoneType:
            return known is not None or isinstance(self._field, _PASSTHROUGH_NULL)
        return kind is known or (known is str and issubclass(kind, str))
