"""Keyed hashes that make ciphertext findable without a plain copy.

HMAC-SHA-256 under a key of its own (`INDEX_KEYS`) over kind, station and normalised value. Equal people at two stations have
unrelated digests.
"""

import hmac
import os
from typing import Final

from django.conf import settings

from accounts.encryption.keys import key_id

DIGEST_BYTES: Final = 16
"""Half of SHA-256: chance collisions among a million customers stay below one in 10^26, at half the size."""


def blind_index(kind: str, station_id: int, value: str) -> bytes:
    """The digest under which a value is stored: key id, then the hash."""
    return _digest(settings.INDEX_KEYS[0], kind, station_id, value)


def blind_indexes(kind: str, station_id: int, value: str) -> list[bytes]:
    """Every digest a stored value may have: one for each key, for all are searched while keys are rotated."""
    return [_digest(key, kind, station_id, value) for key in settings.INDEX_KEYS]


def decoy_index() -> bytes:
    """What nobody without the key tells from a stored digest, and no value has."""
    return key_id(settings.INDEX_KEYS[0]) + os.urandom(DIGEST_BYTES)


def _digest(key: bytes, kind: str, station_id: int, value: str) -> bytes:
    message = f"{kind}\0{station_id}\0{value}".encode()
    return key_id(key) + hmac.digest(key, message, "sha256")[:DIGEST_BYTES]
