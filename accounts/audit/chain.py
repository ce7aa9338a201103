"""The hash chain of the audit log: each entry has an HMAC over itself and the entry before it.

Each station has a chain, and there is one for entries of no station. A chain's count and head are sealed as well. The keys
(`AUDIT_KEYS`) are used for nothing else: someone who can write to the database, but has no key, cannot change, add, move or
remove entries without `manage.py verify_audit` reporting where. Restoring an older, validly sealed state is detected by
`accounts.audit.checkpoints`.
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
    """The end of a chain, as stored in `AuditChain`."""

    station_id: int | None
    count: int
    head: bytes | memoryview
    seal: bytes | memoryview


EMPTY_HEAD: Final = b""
Head = tuple[int | None, int, bytes]
"""The end of a chain: station key (None for the chain of no station), number of entries, and MAC of the last one."""


def append(chain: Chain, entries: Iterable[Any]) -> None:
    """Append entries to a chain, in memory: set their numbers and MACs, and seal the new end."""
    key = settings.AUDIT_KEYS[0]
    checkpoint = getattr(chain, "checkpoint", 0)  # the migration that introduced chains is older than checkpoints
    for entry in entries:
        chain.count += 1
        entry.checkpoint = checkpoint or None
        chain.head = entry.mac = entry_mac(key, chain.count, bytes(chain.head), entry)
        entry.number = chain.count
    chain.seal = chain_seal(key, chain)


def entry_mac(key: bytes, number: int, before: bytes, entry: Any) -> bytes:
    fields = [
        number, before.hex(), entry.station_id, entry.timestamp.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.content_type_id, str(entry.object_pk), entry.object_id, entry.object_repr, entry.action, entry.event, entry.channel,
        entry.changes, entry.changes_text, entry.serialized_data, entry.additional_data, entry.actor_id, entry.actor_email,
        _canonical_address(entry.remote_addr), entry.remote_port, entry.cid,
    ]  # fmt: skip
    if entry.checkpoint:
        fields.append(entry.checkpoint)
    return hmac.digest(key, _canonical(fields), "sha256")


def _canonical(value: object) -> bytes:
    """JSON that is the same before values are stored and after they are read."""
    return json.dumps(value, cls=DjangoJSONEncoder, sort_keys=True, separators=(",", ":")).encode()


@lru_cache(1000)
def _canonical_address(text: str | None) -> str | None:
    """Databases return the same IP address in different notations."""
    return str(ip_address(text)) if text else None


def chain_seal(key: bytes, chain: Chain) -> bytes:
    return hmac.digest(key, _canonical(["head", chain.station_id, chain.count, bytes(chain.head).hex()]), "sha256")


def checkpoint_mac(key: bytes, before: bytes, number: int, made_at: datetime, heads: Sequence[Head]) -> bytes:
    """The combined head: a MAC over the heads that changed since the previous checkpoint, and over its MAC, `before`."""
    fields = ["checkpoint", number, before.hex(), made_at.astimezone(UTC).isoformat(timespec="microseconds")]
    return hmac.digest(
        key, _canonical([*fields, [[station, count, head.hex()] for station, count, head in heads]]), "sha256"
    )


def sign(value: object) -> bytes:
    """Sign a JSON value that is stored outside the database, such as the manifest of a backup."""
    return hmac.digest(settings.AUDIT_KEYS[0], _canonical(["kept", value]), "sha256")


def is_signed(value: object, mac: bytes) -> bool:
    """Whether this is the signature of the value, under any key of the ring."""
    message = _canonical(["kept", value])
    return any(hmac.compare_digest(hmac.digest(key, message, "sha256"), mac) for key in settings.AUDIT_KEYS)
