"""Keyed hashes that make encrypted values searchable without a plain copy.

They are HMAC-SHA-256 over kind, station and normalized value, with keys that are used for nothing else (`INDEX_KEYS`). The
digests of the same person at two stations are unrelated.
"""

import hmac
import os
from typing import Final

from django.conf import settings

from accounts.encryption.keys import key_id

DIGEST_BYTES: Final = 16
"""Half of SHA-256. Among a million customers, the probability of a collision is below 10^-26."""


def blind_index(kind: str, station_id: int, value: str) -> bytes:
    """The digest under which a value is stored: key ID and hash."""
    return _digest(settings.INDEX_KEYS[0], kind, station_id, value)


def blind_indexes(kind: str, station_id: int, value: str) -> list[bytes]:
    """All digests that a stored value may have, one for each key. During a rotation, all of them are searched."""
    return [_digest(key, kind, station_id, value) for key in settings.INDEX_KEYS]


def decoy_index() -> bytes:
    """A random digest that belongs to no value. Without the key it looks like a real one."""
    return key_id(settings.INDEX_KEYS[0]) + os.urandom(DIGEST_BYTES)


def _digest(key: bytes, kind: str, station_id: int, value: str) -> bytes:
    message = f"{kind}\0{station_id}\0{value}".encode()
    return key_id(key) + hmac.digest(key, message, "sha256")[:DIGEST_BYTES]
