"""Encryption keys: 32 random bytes, named by a hash of themselves. Does not import Django, because the settings use it."""

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 4
MIN_DISTINCT_BYTES: Final = KEY_BYTES // 4
MIN_EQUAL_BYTES: Final = KEY_BYTES // 4
"""Equal bytes at the same positions that make two keys similar. By chance, one pair of random keys in 10^12 has so many."""
SHORT_ID_BYTES: Final = 2
POOLED: Final = "pooled"
PRODUCT: Final = "stationbook"
MAX_NAME_LENGTH: Final = 63
"""PostgreSQL truncates longer names of connections."""


def key_id(key: bytes) -> bytes:
    """The ID of a key in the values that it encrypted. It is derived from the key, so the two cannot be mixed up."""
    return hashlib.sha256(b"stationbook key id" + key).digest()[:KEY_ID_BYTES]


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def encode_key(key: bytes) -> str:
    """The key in the format of the settings."""
    return base64.b64encode(key).decode()


def is_weak(key: bytes) -> bool:
    """Whether the key is too short, or has too few distinct bytes, to be random."""
    return len(key) != KEY_BYTES or len(set(key)) < MIN_DISTINCT_BYTES


def is_handmade(key: bytes) -> bool:
    """Whether the key was written by hand, like a sample: text, bytes in even steps, or the same half twice."""
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    half = KEY_BYTES // 2
    return len(steps) == 1 or key[:half] == key[half:] or (key.isascii() and key.decode("ascii").isprintable())


def are_similar(one: bytes, other: bytes) -> bool:
    """Whether one key is a modified copy of the other."""
    return sum(here == there for here, there in zip(one, other, strict=False)) >= MIN_EQUAL_BYTES


def connection_name(rings: Mapping[str, Sequence[bytes]], *, pooled: bool = False) -> str:
    """The name of a process's connections to PostgreSQL, which contains the short IDs of its keys in their order.

    From the server's list of connections, a rotation sees which processes lack a key; or, behind a pooler, which shows one name
    for many connections, that it cannot know.
    """
    parts = [f"{name}:{','.join(short_id(key_id(key)) for key in ring)}" for name, ring in rings.items()]
    return " ".join([PRODUCT, *([POOLED] if pooled else []), *parts])


def parse_connection_name(name: str) -> dict[str, list[str]]:
    """The short IDs in a connection's name, by ring, and an empty list under POOLED; {} for a foreign or truncated name."""
    product, *rings = name.split(" ")
    if product != PRODUCT or len(name) >= MAX_NAME_LENGTH:
        return {}
    return {
        ring: [*filter(None, short_ids.split(","))]
        for ring, _colon, short_ids in (parts.partition(":") for parts in rings)
    }


def short_id(key: bytes) -> str:
    """The first bytes of a key ID, as hex."""
    return key[:SHORT_ID_BYTES].hex()
