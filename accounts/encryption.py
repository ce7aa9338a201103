"""Customers' personal data at rest: the key rings, the encrypted column, the blind index.

A value is stored as `version (1) | key id (4) | nonce (12) | AES-256-GCM ciphertext and tag`, bound to
`app.model.field` as associated data, so that a value copied into another column does not decrypt. The key id
names the key that wrote it: the first key of `PII_KEYS` writes, every key listed there reads. None of the
published field packages is fit for this; `docs/security.md` says why.

A blind index makes ciphertext findable without a plain copy: HMAC-SHA-256 under a key of its own
(`INDEX_KEYS`) over kind, station and normalised value. Equal people at two stations have unrelated digests.
"""

import hmac
import os
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
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

from accounts.keys import KEY_ID_BYTES, key_id

if TYPE_CHECKING:
    _TextField = models.Field[Any, Any]
    _BinaryField = models.BinaryField[Any, Any]
else:
    _TextField = models.Field
    _BinaryField = models.BinaryField

VERSION = b"\x01"
NONCE_BYTES = 12
HEAD_BYTES = len(VERSION) + KEY_ID_BYTES + NONCE_BYTES
DIGEST_BYTES = 16
"""Half of SHA-256: chance collisions among a million customers stay below one in 10^26, at half the size."""


class DecryptionError(Exception):
    """A stored value cannot be read: its key is not in the ring, or a byte was changed. Never holds it."""


class KeyRing:
    """AES keys by their id; the first writes, all read."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        ciphers = {VERSION + key_id(key): AESGCM(key) for key in keys}
        self.current = key_id(keys[0])
        self._head = VERSION + self.current
        self._encrypt = ciphers[self._head].encrypt
        self._openers = {head: cipher.decrypt for head, cipher in ciphers.items()}

    def encrypt(self, text: str, context: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return self._head + nonce + self._encrypt(nonce, text.encode(), context)

    def decrypt(self, stored: bytes | memoryview, context: bytes) -> str:
        """The text again. Raises DecryptionError for an unknown version or key, or a value tampered with."""
        [text] = self.decrypt_all([bytes(stored)], context)
        return str(text)

    def decrypt_all(self, values: Iterable[bytes | None], context: bytes) -> list[str | None]:
        """`decrypt` for the many values of one column: whatever can be looked up once is, and no function called for each."""
        openers, head, body = self._openers, len(self._head), HEAD_BYTES
        texts: list[str | None] = []
        add = texts.append
        for raw in values:
            try:
                add(None if raw is None else openers[raw[:head]](raw[head:body], raw[body:], context).decode())
            except (KeyError, ValueError, InvalidTag):
                raise DecryptionError(f"{context.decode()}: {self._fault(raw or b'')}") from None
        return texts

    def _fault(self, raw: bytes) -> str:
        if len(raw) < HEAD_BYTES:
            return "the stored value was cut off"
        if raw[: len(self._head)] not in self._openers:
            return "written under a key that PII_KEYS does not hold"
        return "the stored value was changed or damaged"


@cache
def _ring(keys: tuple[bytes, ...]) -> KeyRing:
    return KeyRing(keys)


def ring() -> KeyRing:
    """The ring of the keys in the settings."""
    return _ring(tuple(settings.PII_KEYS))


def blind_index(kind: str, station_id: int, value: str) -> bytes:
    """The digest under which a value is stored: key id, then the hash."""
    return _digest(settings.INDEX_KEYS[0], kind, station_id, value)


def blind_indexes(kind: str, station_id: int, value: str) -> list[bytes]:
    """Every digest a stored value may have: one for each key, for all are searched while keys are rotated."""
    return [_digest(key, kind, station_id, value) for key in settings.INDEX_KEYS]


def _digest(key: bytes, kind: str, station_id: int, value: str) -> bytes:
    message = f"{kind}\0{station_id}\0{value}".encode()
    return key_id(key) + hmac.digest(key, message, "sha256")[:DIGEST_BYTES]


class KeyedHashField(_BinaryField):
    """Hashes under a key of `INDEX_KEYS`, that key's id in front: so `keys` finds every column that stands under the ring."""

    key_at = 0

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """To a migration it is a BinaryField: it differs in nothing that the database knows of."""
        name, _path, arguments, options = super().deconstruct()
        return name, "django.db.models.BinaryField", arguments, options


class EncryptedTextField(_TextField):
    """Text that rests as ciphertext. `""`, NULL and text stay apart. No lookup but `isnull`.

    An expression passes through where it makes ciphertext of this column, as in `bulk_update`; any other would store
    plain text, or text that cannot be read again, and is refused with FieldError.
    """

    description = "Encrypted text"
    empty_strings_allowed = True
    key_at = len(VERSION)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.max_length is not None:
            self.validators.append(MaxLengthValidator(self.max_length))

    def get_internal_type(self) -> str:
        return "BinaryField"

    @cached_property
    def context(self) -> bytes:
        """What a value is bound to."""
        return f"{self.model._meta.label_lower}.{self.name}".encode()

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return connection.Database.Binary(ring().encrypt(value, self.context))  # type: ignore[attr-defined]

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        if hasattr(value, "as_sql"):
            return value
        return self.get_db_prep_value(value, connection)

    def get_placeholder(self, value: Any, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> str:
        """Django asks here for every value that is about to be written, expressions included."""
        if hasattr(value, "as_sql") and not self._makes(value):
            raise FieldError(f"{self.name} is encrypted: give it text, or Value(text, output_field=the field).")
        return "%s"

    def _makes(self, expression: Any) -> bool:
        """Whether an expression can only give NULL or ciphertext of this column."""
        if isinstance(expression, Case):
            results = [*(case.result for case in expression.cases), expression.default]
            return all(self._makes(result) for result in results)
        if isinstance(expression, Cast):
            return all(self._makes(source) for source in expression.get_source_expressions())
        if isinstance(expression, Value) and expression.value is None:
            return True
        made = expression.output_field if isinstance(expression, Col | Value) else None
        return isinstance(made, EncryptedTextField) and made.context == self.context

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> str | None:
        return None if value is None else ring().decrypt(value, self.context)

    def read_all(self, values: Iterable[bytes | None]) -> list[str | None]:
        """Values of this column as a statement of one's own finds them. Raises DecryptionError, as every read does."""
        return ring().decrypt_all(values, self.context)

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
    return Func(
        F(column.name),
        Value(column.key_at + 1),
        Value(KEY_ID_BYTES),
        function="SUBSTR",
        output_field=models.BinaryField(),
    )


def key_in(column: KeyedField, stored: bytes | memoryview) -> bytes:
    """The same, of a value that was read."""
    return bytes(stored[column.key_at :][:KEY_ID_BYTES])
