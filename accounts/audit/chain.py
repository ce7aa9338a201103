"""The audit trail's seal: each entry carries an HMAC over itself and the one before it in its chain.

Every station has a chain, and so has what belongs to none. A chain's count and head are sealed as well, under the same key of
their own (`AUDIT_KEYS`): whoever writes to the database without it can neither change, add, move or take out an entry, nor cut
the end off, without `manage.py verify_audit` naming the place. What was validly sealed once could still be put back:
`accounts.audit.checkpoints` closes that.
"""

import hmac
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final, Protocol

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder


class Chain(Protocol):
    """The end of a chain, as `AuditChain` keeps it."""

    station_id: int | None
    count: int
    head: bytes | memoryview
    seal: bytes | memoryview


BEFORE_THE_FIRST: Final = b""
Head = tuple[int | None, int, bytes]
"""The end of a chain: the key of its station (None for the chain of no station), how many entries it has, the last one's seal."""


def link(chain: Chain, entries: Iterable[Any]) -> None:
    """Put entries at the end of a chain, in memory."""
    key = settings.AUDIT_KEYS[0]
    checkpoint = getattr(chain, "checkpoint", 0)  # those that a migration seals are older than checkpoints
    for entry in entries:
        chain.count += 1
        entry.checkpoint = checkpoint or None
        chain.head = entry.mac = entry_mac(key, chain.count, bytes(chain.head), entry)
        entry.number = chain.count
    chain.seal = chain_seal(key, chain)


def entry_mac(key: bytes, number: int, before: bytes, entry: Any) -> bytes:
    said = [
        number, before.hex(), entry.station_id, entry.timestamp.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.content_type_id, str(entry.object_pk), entry.object_id, entry.object_repr, entry.action, entry.event, entry.channel,
        entry.changes, entry.changes_text, entry.serialized_data, entry.additional_data, entry.actor_id, entry.actor_email,
        _address(entry.remote_addr), entry.remote_port, entry.cid,
    ]  # fmt: skip
    if entry.checkpoint:
        said.append(entry.checkpoint)
    return hmac.digest(key, _canonical(said), "sha256")


def _canonical(said: object) -> bytes:
    """The same bytes before it is stored and after it is read."""
    return json.dumps(said, cls=DjangoJSONEncoder, sort_keys=True, separators=(",", ":")).encode()


@lru_cache(1000)
def _address(said: str | None) -> str | None:
    """Databases spell addresses each in their own way."""
    return str(ip_address(said)) if said else None


def chain_seal(key: bytes, chain: Chain) -> bytes:
    return hmac.digest(key, _canonical(["head", chain.station_id, chain.count, bytes(chain.head).hex()]), "sha256")


def checkpoint_mac(key: bytes, before: bytes, number: int, made_at: datetime, heads: Sequence[Head]) -> bytes:
    """The combined head of all chains: over the heads that have moved since the checkpoint `before`, and over that."""
    said = ["checkpoint", number, before.hex(), made_at.astimezone(UTC).isoformat(timespec="microseconds")]
    return hmac.digest(
        key, _canonical([*said, [[station, count, head.hex()] for station, count, head in heads]]), "sha256"
    )


def sign(said: object) -> bytes:
    """The seal of what is kept outside of the database, such as what a backup says of itself; of anything that JSON can say."""
    return hmac.digest(settings.AUDIT_KEYS[0], _canonical(["kept", said]), "sha256")


def is_signed(said: object, mac: bytes) -> bool:
    """Whether `sign` gave this, under any key of the ring."""
    found = _canonical(["kept", said])
    return any(hmac.compare_digest(hmac.digest(key, found, "sha256"), mac) for key in settings.AUDIT_KEYS)
