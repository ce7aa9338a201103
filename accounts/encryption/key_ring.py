"""The keys of customers' data: how a text becomes ciphertext that is bound to its column and its row, and back.

A value is stored as `version (1) | key id (4) | nonce (12) | AES-256-GCM ciphertext and tag`. Associated data bind it to
`app.model.field` and to its row, so that a value copied into another column or another row does not decrypt; its length is that
of a bucket. The key id names the key that wrote it: the first key of `PII_KEYS` writes, every key listed there reads.

Version 1, which earlier releases wrote, is bound to its column alone and as long as its text. It is read, and rewritten by
`manage.py keys rotate`, until `PII_ROW_BINDING=required` refuses it.
"""

import os
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import cache
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from accounts.encryption.keys import KEY_ID_BYTES, key_id

UNBOUND: Final = b"\x01"
"""The version that is bound to its column alone."""
VERSION: Final = b"\x02"
NONCE_BYTES: Final = 12
KEY_END: Final = len(VERSION) + KEY_ID_BYTES
HEAD_BYTES: Final = KEY_END + NONCE_BYTES
PADDING: Final = b"\xff"
"""No byte of UTF-8: what is stripped from the end was never text."""
LEAST_BYTES: Final = 32
DOUBLED_UP_TO: Final = 1024
STEPS: Final = 8


class Binding(StrEnum):
    """What PII_ROW_BINDING may be, in the order of an upgrade."""

    OFF = "off"
    """Version 1 is written: while servers of the release before run, which read nothing else."""
    ON = "on"
    """Version 2 is written, both are read."""
    REQUIRED = "required"
    """Version 1 is refused."""


class DecryptionError(Exception):
    """A stored value cannot be read: its key is not in the ring, or a byte was changed. Never holds it."""


def row_key_bytes(row_key: object) -> bytes | None:
    """A row's key as values are bound to it; None for none. Raises TypeError for what is neither UUID nor number."""
    if isinstance(row_key, UUID):
        return row_key.bytes
    if isinstance(row_key, int):
        return row_key.to_bytes(8, "big")
    if row_key is None:
        return None
    raise TypeError(f"An encrypted value is bound to a UUID or a number, not to {type(row_key).__name__}.")


def padded_length(length: int, pad_to: int = LEAST_BYTES) -> int:
    """How many bytes a text of so many is padded to: to `pad_to`, doubled as often as it takes; from a kilobyte on in steps of an
    eighth, so that nothing long grows by more than that."""
    size = pad_to
    while size < length and size < DOUBLED_UP_TO:
        size *= 2
    if length <= size:
        return size
    step = (1 << (length - 1).bit_length() - 1) // STEPS
    return -(-length // step) * step


class KeyRing:
    """AES keys by their id; the first writes, all read. With `bound_only` a value that is not bound to its row is refused."""

    def __init__(self, keys: Sequence[bytes], *, bound_only: bool = False) -> None:
        ciphers = {key_id(key): AESGCM(key) for key in keys}
        self.current = key_id(keys[0])
        self._encrypt = ciphers[self.current].encrypt
        self._bound = {VERSION + key: cipher.decrypt for key, cipher in ciphers.items()}
        self._unbound = {UNBOUND + key: cipher.decrypt for key, cipher in ciphers.items()}
        self._bound_only = bound_only

    def encrypt(self, text: str, context: bytes, row: bytes | None = None, *, pad_to: int = LEAST_BYTES) -> bytes:
        """Bound to the column that `context` names and to the row with this key; without one in version 1, for the release
        before."""
        nonce, plain = os.urandom(NONCE_BYTES), text.encode()
        if row is None:
            return UNBOUND + self.current + nonce + self._encrypt(nonce, plain, context)
        padded = plain.ljust(padded_length(len(plain), pad_to), PADDING)
        return VERSION + self.current + nonce + self._encrypt(nonce, padded, associated_data(context, row))

    def decrypt(self, stored: bytes | memoryview, context: bytes, row: bytes | None = None) -> str:
        """The text again. Raises DecryptionError for an unknown version or key, or a value tampered with."""
        [text] = self.decrypt_all([bytes(stored)], context, [row])
        return str(text)

    def decrypt_all(
        self, values: Iterable[bytes | None], context: bytes, row_keys: Iterable[bytes | None]
    ) -> list[str | None]:
        """`decrypt` for the many values of one column and the keys of their rows: what can be looked up once is, and no function
        called for each."""
        bound, key_end, body, column = self._bound, KEY_END, HEAD_BYTES, associated_data(context, b"")
        texts: list[str | None] = []
        add = texts.append
        for raw, row in zip(values, row_keys, strict=True):
            if raw is None:
                add(None)
                continue
            try:
                text = bound[raw[:key_end]](raw[key_end:body], raw[body:], column + row)  # type: ignore[operator]
                add(text.rstrip(PADDING).decode())
            except KeyError:
                add(self._decrypt_unbound(raw, context))
            except (TypeError, ValueError, InvalidTag):  # the first where there is no row
                raise self._error(raw, context) from None
        return texts

    def _decrypt_unbound(self, raw: bytes, context: bytes) -> str:
        decrypt = None if self._bound_only else self._unbound.get(raw[:KEY_END])
        if decrypt is None:
            raise self._error(raw, context) from None
        try:
            return decrypt(raw[KEY_END:HEAD_BYTES], raw[HEAD_BYTES:], context).decode()
        except (ValueError, InvalidTag):
            raise self._error(raw, context) from None

    def _error(self, raw: bytes, context: bytes) -> DecryptionError:
        return DecryptionError(f"{context.decode()}: {self._fault(raw)}")

    def _fault(self, raw: bytes) -> str:
        if len(raw) < HEAD_BYTES:
            return "the stored value was cut off"
        head = raw[:KEY_END]
        if head in self._unbound and self._bound_only:
            return "the stored value is not bound to its row, and PII_ROW_BINDING refuses it"
        if head not in self._bound and head not in self._unbound:
            return "written under a key that PII_KEYS does not hold"
        return "the stored value was changed or damaged"


def associated_data(context: bytes, row: bytes) -> bytes:
    """The associated data of a value in a column and a row."""
    return context + b"\0" + row


@cache
def _ring(keys: tuple[bytes, ...], bound_only: bool) -> KeyRing:
    return KeyRing(keys, bound_only=bound_only)


def ring() -> KeyRing:
    """The ring of the keys in the settings."""
    return _ring(tuple(settings.PII_KEYS), settings.PII_ROW_BINDING == Binding.REQUIRED)
