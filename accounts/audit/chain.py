"""The audit trail's seal: each entry carries an HMAC over itself and the one before it in its chain.

Every station has a chain, and so has what belongs to none. A chain's count and head are sealed as well, under the same key of
their own (`AUDIT_KEYS`): whoever writes to the database without it can neither change, add, move or take out an entry, nor cut
the end off, without `manage.py verify_audit` naming the place. What was validly sealed once could still be put back:
`accounts.audit.checkpoints` closes that.
"""

import hmac
import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder

from core.db import sql

if TYPE_CHECKING:
    from accounts.models import AuditChain, AuditEntry

BEFORE_THE_FIRST: Final = b""
Head = tuple[int | None, int, bytes]
"""The end of a chain: the key of its station (None for the chain of no station), how many entries it has, the last one's seal."""


def seal(entries: Sequence["AuditEntry"], chains: "Chains | None" = None) -> None:
    """Give entries that are about to be written their place in their chains. Within their transaction: the chain stays locked
    until it ends. `chains` are those that were locked ahead."""
    locked = chains.as_they_stand() if chains else {}
    _sealed.times += 1
    by_station: dict[int | None, list[AuditEntry]] = defaultdict(list)
    for entry in entries:
        by_station[entry.station_id].append(entry)
    for station_id in sorted(by_station, key=lambda one: one or 0):
        chain = locked.get(station_id) or _locked(station_id)
        link(chain, by_station[station_id])
        sql.update(chain, ["count", "head", "seal"])


def link(chain: "AuditChain", entries: Iterable["AuditEntry"]) -> None:
    """Put entries at the end of a chain, in memory."""
    key = settings.AUDIT_KEYS[0]
    checkpoint = getattr(chain, "checkpoint", 0)  # those that a migration seals are older than checkpoints
    for entry in entries:
        chain.count += 1
        entry.checkpoint = checkpoint or None
        chain.head = entry.mac = entry_mac(key, chain.count, bytes(chain.head), entry)
        entry.number = chain.count
    chain.seal = chain_seal(key, chain)


class Chains:
    """Chains that are locked ahead of the entries: asked for now, looked at when they are sealed. Within one transaction."""

    def __init__(self, of_which: str, values: Sequence[Any]) -> None:
        """Asks for those that a condition names, in the order of their stations, as everywhere."""
        from accounts.models import AuditChain

        self._answer = sql.ask_for(AuditChain, of_which, values, order="t.station_id", lock="FOR UPDATE OF t")
        self._asked_at = _sealed.times

    def as_they_stand(self) -> "dict[int | None, AuditChain]":
        """By their stations; none where this thread has sealed anything since, so that they may be longer by now."""
        return {chain.station_id: chain for chain in self._answer()} if _sealed.times == self._asked_at else {}


class _Sealed(threading.local):
    times = 0


_sealed = _Sealed()


def _locked(station_id: int | None) -> "AuditChain":
    from accounts.models import AuditChain

    of_it, values = ("t.station_id = %s", [station_id]) if station_id is not None else ("t.station_id IS NULL", [])
    for chain in Chains(of_it, values).as_they_stand().values():
        return chain
    chain, _made = AuditChain.objects.select_for_update().get_or_create(station_id=station_id)  # type: ignore[misc]
    return chain


def entry_mac(key: bytes, number: int, before: bytes, entry: "AuditEntry") -> bytes:
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


def chain_seal(key: bytes, chain: "AuditChain") -> bytes:
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
