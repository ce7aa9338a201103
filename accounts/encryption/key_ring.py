"""Encryption of customers' data: text becomes ciphertext that is bound to its column and row.

A value is stored as `version (1) | key ID (4) | nonce (12) | AES-256-GCM ciphertext and tag`. The associated data are
`app.model.field` and the row's key, so a value copied to another column or row does not decrypt. Texts are padded, so that the
length of a value shows only a range. The first key of `PII_KEYS` encrypts; all keys listed there decrypt.

Version 1, written by earlier releases, is bound to its column only, and not padded. It is still read, and rewritten by
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

UNBOUND_VERSION: Final = b"\x01"
"""The version that is bound to its column only."""
VERSION: Final = b"\x02"
NONCE_BYTES: Final = 12
KEY_END: Final = len(VERSION) + KEY_ID_BYTES
HEADER_BYTES: Final = KEY_END + NONCE_BYTES
PADDING: Final = b"\xff"
"""This byte does not occur in UTF-8, so removing it from the end never removes text."""
MIN_PADDED_BYTES: Final = 32
MAX_DOUBLED_BYTES: Final = 1024
STEPS_PER_DOUBLING: Final = 8


class Binding(StrEnum):
    """The values of PII_ROW_BINDING, in the order of an upgrade."""

    OFF = "off"
    """Writes version 1, while servers of the previous release are running, which read nothing else."""
    ON = "on"
    """Writes version 2, reads both."""
    REQUIRED = "required"
    """Refuses version 1."""


class DecryptionError(Exception):
    """A stored value cannot be decrypted: its key is not in the ring, or it was changed. Never contains the value."""


def row_key_bytes(row_key: object) -> bytes | None:
    """A primary key as bytes; None for None. Raises TypeError unless it is a UUID or an integer."""
    if isinstance(row_key, UUID):
        return row_key.bytes
    if isinstance(row_key, int):
        return row_key.to_bytes(8, "big")
    if row_key is None:
        return None
    raise TypeError(f"An encrypted value is bound to a UUID or a number, not to {type(row_key).__name__}.")


def padded_length(length: int, pad_to: int = MIN_PADDED_BYTES) -> int:
    """The padded length of a text, in bytes: `pad_to`, doubled as often as needed.

    From one kilobyte on, it grows in steps of an eighth, so that long texts do not grow by more than that.
    """
    size = pad_to
    while size < length and size < MAX_DOUBLED_BYTES:
        size *= 2
    if length <= size:
        return size
    step = (1 << (length - 1).bit_length() - 1) // STEPS_PER_DOUBLING
    return -(-length // step) * step


class KeyRing:
    """AES keys by ID; the first encrypts, all decrypt. With `bound_only`, values that are not bound to their row are refused."""

    def __init__(self, keys: Sequence[bytes], *, bound_only: bool = False) -> None:
        ciphers = {key_id(key): AESGCM(key) for key in keys}
        self.current = key_id(keys[0])
        self._encrypt = ciphers[self.current].encrypt
        self._bound = {VERSION + key: cipher.decrypt for key, cipher in ciphers.items()}
        self._unbound = {UNBOUND_VERSION + key: cipher.decrypt for key, cipher in ciphers.items()}
        self._bound_only = bound_only

    def encrypt(
        self, text: str, context: bytes, row_key: bytes | None = None, *, pad_to: int = MIN_PADDED_BYTES
    ) -> bytes:
        """Encrypt a text for the column `context` and a row; without a row, in version 1 for the previous release."""
        nonce, plain = os.urandom(NONCE_BYTES), text.encode()
        if row_key is None:
            return UNBOUND_VERSION + self.current + nonce + self._encrypt(nonce, plain, context)
        padded = plain.ljust(padded_length(len(plain), pad_to), PADDING)
        return VERSION + self.current + nonce + self._encrypt(nonce, padded, associated_data(context, row_key))

    def decrypt(self, stored: bytes | memoryview, context: bytes, row_key: bytes | None = None) -> str:
        """Decrypt a value. Raises DecryptionError for an unknown version or key, or a changed value."""
        [text] = self.decrypt_all([bytes(stored)], context, [row_key])
        return str(text)

    def decrypt_all(
        self, values: Iterable[bytes | None], context: bytes, row_keys: Iterable[bytes | None]
    ) -> list[str | None]:
        """Decrypt many values of one column, with the keys of their rows. Raises DecryptionError.

        Inlined for speed: names are looked up once, and no function is called for each value.
        """
        bound, key_end, body, column = self._bound, KEY_END, HEADER_BYTES, associated_data(context, b"")
        texts: list[str | None] = []
        add = texts.append
        for raw, row_key in zip(values, row_keys, strict=True):
            if raw is None:
                add(None)
                continue
            try:
                text = bound[raw[:key_end]](raw[key_end:body], raw[body:], column + row_key)  # type: ignore[operator]
                add(text.rstrip(PADDING).decode())
            except KeyError:
                add(self._decrypt_unbound(raw, context))
            except (TypeError, ValueError, InvalidTag):  # TypeError without a row key
                raise self._error(raw, context) from None
        return texts

    def _decrypt_unbound(self, raw: bytes, context: bytes) -> str:
        decrypt = None if self._bound_only else self._unbound.get(raw[:KEY_END])
        if decrypt is None:
            raise self._error(raw, context) from None
        try:
            return decrypt(raw[KEY_END:HEADER_BYTES], raw[HEADER_BYTES:], context).decode()
        except (ValueError, InvalidTag):
            raise self._error(raw, context) from None

    def _error(self, raw: bytes, context: bytes) -> DecryptionError:
        return DecryptionError(f"{context.decode()}: {self._reason(raw)}")

    def _reason(self, raw: bytes) -> str:
        if len(raw) < HEADER_BYTES:
            return "the stored value was cut off"
        header = raw[:KEY_END]
        if header in self._unbound and self._bound_only:
            return "the stored value is not bound to its row, and PII_ROW_BINDING refuses it"
        if header not in self._bound and header not in self._unbound:
            return "written under a key that PII_KEYS does not hold"
        return "the stored value was changed or damaged"


def associated_data(context: bytes, row_key: bytes) -> bytes:
    """The associated data of a value in a column and a row."""
    return context + b"\0" + row_key


@cache
def _ring(keys: tuple[bytes, ...], bound_only: bool) -> KeyRing:
    return KeyRing(keys, bound_only=bound_only)


def ring() -> KeyRing:
    """The ring with the keys of the settings."""
    return _ring(tuple(settings.PII_KEYS), settings.PII_ROW_BINDING == Binding.REQUIRED)
