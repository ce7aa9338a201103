"""The columns that hold customers' data: ciphertext, and the keyed hashes that it is found by."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import FieldError
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Case, Col, F, Func, Value
from django.db.models.functions import Cast
from django.db.models.lookups import Lookup
from django.db.models.sql.compiler import SQLCompiler
from django.forms import CharField, Field, Textarea
from django.utils.functional import cached_property

from accounts.encryption.key_ring import LEAST_BYTES, VERSION, Binding, ring, row_key_bytes
from accounts.encryption.keys import KEY_ID_BYTES

if TYPE_CHECKING:
    _TextField = models.Field[Any, Any]
    _BinaryField = models.BinaryField[Any, Any]
else:
    _TextField = models.Field
    _BinaryField = models.BinaryField


class KeyedHashField(_BinaryField):
    """Hashes under a key of `INDEX_KEYS`, that key's id in front: so `keys` finds every column that stands under the ring."""

    key_at = 0

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """To a migration it is a BinaryField: it differs in nothing that the database knows of."""
        name, _path, arguments, options = super().deconstruct()
        return name, "django.db.models.BinaryField", arguments, options


class Ciphertext(bytes):
    """What is stored of a text, made for one row."""

    def __repr__(self) -> str:
        return "(encrypted)"

    __str__ = __repr__


class EncryptedTextField(_TextField):
    """Text that rests as ciphertext, bound to its row. `""`, NULL and text stay apart. No lookup but `isnull`.

    `bound_to` names the column with the row's key: a random UUID or a unique number, set before the row is written, and
    never changed. It is the primary key, unless the database gives that. A text is padded to `pad_to` bytes at the
    least.

    It is read as any column is: what is selected comes with its row's key. A plain statement selects it by `select_format` as
    well, or reads it by `read_all`. Rows are written by `save`, `bulk_create` and plain statements; `update`
    and `bulk_update` do not know which row they write, and take what `ciphertext` made for it. Anything else that would store
    plain text, or text that cannot be read again, is refused with FieldError.
    """

    description = "Encrypted text"
    empty_strings_allowed = True
    non_db_attrs = (*models.Field.non_db_attrs, "bound_to")
    key_at = len(VERSION)

    def __init__(self, *args: Any, bound_to: str = "pk", pad_to: int = LEAST_BYTES, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bound_to, self.pad_to = bound_to, pad_to
        if self.max_length is not None:
            self.validators.append(MaxLengthValidator(self.max_length))

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """Without `pad_to`, on which nothing depends but what is written from now on."""
        name, _path, arguments, options = super().deconstruct()
        options |= {"bound_to": self.bound_to} if self.bound_to != "pk" else {}
        return name, "accounts.encryption.EncryptedTextField", arguments, options

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        return [*super().check(**kwargs), *self._check_binding()]

    def _check_binding(self) -> list[checks.CheckMessage]:
        column = self.row_key_column
        if isinstance(column, models.AutoField):
            hint = "Give the model a UUIDField as its primary key, or name a column of random UUIDs by bound_to."
            what = f"It is bound to “{column.name}”, which the database gives when the row is written already."
            return [checks.Error(what, hint=hint, obj=self, id="accounts.E001")]
        is_random = isinstance(column, models.UUIDField) and column.has_default() and callable(column.default)
        if not (column.unique or is_random):
            what = f"It is bound to “{column.name}”, which other rows may share."
            return [checks.Error(what, obj=self, id="accounts.E002")]
        return []

    def get_internal_type(self) -> str:
        return "BinaryField"

    @cached_property
    def context(self) -> bytes:
        """The column, as what a value is bound to names it."""
        return f"{self.model._meta.label_lower}.{self.name}".encode()

    @cached_property
    def row_key_column(self) -> Any:
        """The column with the row's key."""
        meta = self.model._meta
        return meta.pk if self.bound_to == "pk" else meta.get_field(self.bound_to)

    def row_key_of(self, instance: models.Model) -> Any:
        """The key of an instance's row, as Python has it."""
        return getattr(instance, self.row_key_column.attname)

    def ciphertext(self, text: str, row_key: Any) -> Ciphertext:
        """What is stored of a text in the row with this key. Raises FieldError for a row that has none yet."""
        if row_key is None:
            raise FieldError(f"{self.name} is bound to {self.row_key_column.name}, which this row does not have yet.")
        bound = None if settings.PII_ROW_BINDING == Binding.OFF else row_key_bytes(row_key)
        return Ciphertext(ring().encrypt(text, self.context, bound, pad_to=self.pad_to))

    def read(self, stored: bytes | memoryview, row_key: Any) -> str:
        """The text of a value in the row with this key. Raises DecryptionError."""
        return ring().decrypt(stored, self.context, row_key_bytes(row_key))

    def read_all(self, values: Iterable[bytes | None], row_keys: Iterable[bytes | None]) -> list[str | None]:
        """The texts of values as a plain statement finds them, with the keys of their rows as `row_key_bytes` makes them. Raises
        DecryptionError."""
        return ring().decrypt_all(values, self.context, row_keys)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        return self.ciphertext(value, self.row_key_of(model_instance)) if isinstance(value, str) else value

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        if not isinstance(value, Ciphertext):
            raise FieldError(
                f"{self.name} is encrypted for its row: save() it, or give what the field's ciphertext() makes."
            )
        return connection.Database.Binary(bytes(value))  # type: ignore[attr-defined]

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        if hasattr(value, "as_sql"):
            return value
        return self.get_db_prep_value(value, connection)

    def get_placeholder(self, value: Any, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> str:
        """Django asks here for every value that is about to be written, expressions included."""
        if hasattr(value, "as_sql") and not self._makes(value):
            raise FieldError(f"{self.name} is encrypted: give it what the field's ciphertext() makes.")
        return "%s"

    def _makes(self, expression: Any) -> bool:
        """Whether an expression can only give NULL or ciphertext of this column."""
        if isinstance(expression, Case):
            results = [*(case.result for case in expression.cases), expression.default]
            return all(self._makes(result) for result in results)
        if isinstance(expression, Cast):
            return all(self._makes(source) for source in expression.get_source_expressions())
        if isinstance(expression, Value):
            return expression.value is None or isinstance(expression.value, Ciphertext)
        made = expression.output_field if isinstance(expression, Col) else None
        return isinstance(made, EncryptedTextField) and made.context == self.context

    def select_format(self, compiler: SQLCompiler, sql: str, params: Any) -> Any:
        """The column of a table with its row's key in front, which `from_db_value` takes apart. An expression that is no
        column of a table stays as it is: that of a subquery has it already."""
        quote = compiler.connection.ops.quote_name
        table, _dot, column = sql.rpartition(".")
        if not table or column != quote(str(self.column)):
            return sql, params
        row_key = f"{table}.{quote(self.row_key_column.column)}"
        if compiler.connection.vendor == "postgresql":
            return f"(coalesce({row_key}::text, '') || ':')::bytea || {sql}", params
        return f"CAST(coalesce({row_key}, '') || ':' || {sql} AS BLOB)", params

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> str | None:
        if value is None:
            return None
        row_key, _colon, stored = bytes(value).partition(b":")
        return ring().decrypt(stored, self.context, self._row_key_from(row_key))

    def _row_key_from(self, row_key: bytes) -> bytes | None:
        """What `select_format` has put in front of a value, as bytes; None where it has not, so that the value is not read."""
        try:
            if self._has_uuid_keys:
                return bytes.fromhex(row_key.decode().replace("-", "")) or None
            return row_key_bytes(int(row_key))
        except ValueError:
            return None

    @cached_property
    def _has_uuid_keys(self) -> bool:
        column = self.row_key_column
        return isinstance(getattr(column, "target_field", column), models.UUIDField)

    def to_python(self, value: Any) -> str | None:
        return value if value is None or isinstance(value, str) else str(value)

    def get_lookup(self, lookup_name: str) -> "type[Lookup[Any]] | None":
        if lookup_name != "isnull":
            raise FieldError(
                f"{self.name} is encrypted: it cannot be searched by “{lookup_name}”. Use the blind index."
            )
        return super().get_lookup(lookup_name)

    def get_transform(self, lookup_name: str) -> Any:
        raise FieldError(f"{self.name} is encrypted: it cannot be searched by “{lookup_name}”. Use the blind index.")

    def formfield(self, **kwargs: Any) -> Field | None:
        long = self.max_length is None or self.max_length > 300
        return super().formfield(
            **{
                "form_class": CharField,
                "max_length": self.max_length,
                **({"widget": Textarea} if long else {}),
                **kwargs,
            }
        )


KeyedField = EncryptedTextField | KeyedHashField


def key_of(column: KeyedField) -> Func:
    """The id of the key that a stored value is under, as the database itself reads it off the value: nothing is decrypted."""
    return _part_of(column, column.key_at + 1, KEY_ID_BYTES)


def head_of(column: KeyedField) -> Func:
    """That id with what stands before it: the version, where a value has one."""
    return _part_of(column, 1, column.key_at + KEY_ID_BYTES)


def _part_of(column: KeyedField, start: int, length: int) -> Func:
    values = F(column.name), Value(start), Value(length)
    return Func(*values, function="SUBSTR", output_field=models.BinaryField())
