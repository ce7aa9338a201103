"""What a key is: 32 random bytes, called by a hash of itself. Pure, for the settings ask here before Django is there."""

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 4
LEAST_VARIETY: Final = KEY_BYTES // 4
ALIKE_FROM: Final = KEY_BYTES // 4
"""Bytes that two keys have in the same places: by chance, one pair of random keys in a million million."""
MARK_BYTES: Final = 2
POOLED: Final = "pooled"
PRODUCT: Final = "stationbook"
LONGEST_NAME: Final = 63
"""Of a connection to PostgreSQL; what is longer is cut off."""


def key_id(key: bytes) -> bytes:
    """What a key is called in the rows it wrote: derived, so that no key is filed under another's name."""
    return hashlib.sha256(b"stationbook key id" + key).digest()[:KEY_ID_BYTES]


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def written(key: bytes) -> str:
    """As the settings read it."""
    return base64.b64encode(key).decode()


def is_weak(key: bytes) -> bool:
    """Whether it is too short, or of too few different bytes, to be random."""
    return len(key) != KEY_BYTES or len(set(key)) < LEAST_VARIETY


def is_made_up(key: bytes) -> bool:
    """Whether somebody wrote it by hand, as samples and demos do: as text, in even steps, or the same half twice."""
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    half = KEY_BYTES // 2
    return len(steps) == 1 or key[:half] == key[half:] or (key.isascii() and key.decode("ascii").isprintable())


def are_alike(one: bytes, other: bytes) -> bool:
    """Whether one was made from the other by changing a part of it."""
    return sum(here == there for here, there in zip(one, other, strict=False)) >= ALIKE_FROM


def announcement(rings: Mapping[str, Sequence[bytes]], *, pooled: bool = False) -> str:
    """What a process calls its connections to PostgreSQL: which keys it holds, in their order, by the first bytes of their ids.
    So a rotation sees in the server's list of connections who would be left behind; or, behind a pooler that shows one name for
    many, that it cannot see."""
    words = [f"{name}:{','.join(mark_of(key_id(key)) for key in ring)}" for name, ring in rings.items()]
    return " ".join([PRODUCT, *([POOLED] if pooled else []), *words])


def announced(name: str) -> dict[str, list[str]]:
    """The marks in a connection's name, by ring, and none under POOLED; nothing for a name that is another's, or was cut off."""
    product, *rings = name.split(" ")
    if product != PRODUCT or len(name) >= LONGEST_NAME:
        return {}
    return {
        ring: [*filter(None, marks.split(","))] for ring, _colon, marks in (words.partition(":") for words in rings)
    }


def mark_of(key: bytes) -> str:
    """A key's id, cut short."""
    return key[:MARK_BYTES].hex()
