"""The proof that the audit log is what was written."""

import hmac
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.conf import settings
from django.db import transaction

from accounts.audit_models import AuditChain, AuditEntry
from accounts.keys import key_id
from accounts.sealing import BEFORE_THE_FIRST, chain_seal, entry_mac
from stations.models import Station

AT_ONCE: Final = 1_000


class Wrong(StrEnum):
    """What can be found, for a person to read."""

    CHANGED = "was changed, or stands in another's place"
    MISSING = "is missing"
    ADDED = "was not written by the product"
    CUT_OFF = "and all after it were cut off"
    HEAD_CHANGED = "is the last by a count that the product did not write"
    NO_CHAIN = "is there, but its chain's count and head are gone"


@dataclass(frozen=True, slots=True)
class Fault:
    """One place at which the trail is not what was written. `station` is a key, None for what belongs to no station."""

    station: int | None
    number: int
    wrong: Wrong

    def __str__(self) -> str:
        where = f"station {self.station}" if self.station else "no station"
        return f"Entry {self.number} of {where} {self.wrong}."


def faults() -> Iterator[Fault]:
    """Every fault of every chain, in order; nothing for a trail that is as it was written. In bounded memory."""

    with transaction.atomic():
        chains = {chain.station_id: chain for chain in AuditChain.objects.all()}
        used = set(AuditEntry.objects.order_by().values_list("station_id", flat=True).distinct())
        expected = set(Station.objects.values_list("pk", flat=True))
        for station_id in sorted(used | expected | set(chains), key=lambda one: one or 0):
            if station_id in chains:
                yield from _faults_of(chains[station_id])
            else:
                yield Fault(station_id, 1, Wrong.NO_CHAIN)


def _sealing_key(entry: AuditEntry, before: bytes) -> bytes | None:
    """The key of the ring that the entry is sealed under; None for one that was not sealed so."""
    for key in settings.AUDIT_KEYS:
        if hmac.compare_digest(entry_mac(key, entry.number or 0, before, entry), bytes(entry.mac or b"")):
            return key
    return None


def uses() -> dict[bytes, Counter[str]]:
    """How many entries, and heads of chains, are sealed under each key of the ring. It shows only by trying, as in a proof."""

    found: dict[bytes, Counter[str]] = defaultdict(Counter)
    for chain in AuditChain.objects.all():
        before = BEFORE_THE_FIRST
        for entry in AuditEntry.objects.filter(station_id=chain.station_id).order_by("number", "pk").iterator(AT_ONCE):
            if key := _sealing_key(entry, before):
                found[key_id(key)][AuditEntry._meta.label] += 1
            before = bytes(entry.mac or b"")
        for key in settings.AUDIT_KEYS:
            if hmac.compare_digest(chain_seal(key, chain), bytes(chain.seal)):
                found[key_id(key)][AuditChain._meta.label] += 1
    return found


def _faults_of(chain: AuditChain) -> Iterator[Fault]:

    found = AuditEntry.objects.filter(station_id=chain.station_id).order_by("number", "pk").iterator(AT_ONCE)
    before, last = BEFORE_THE_FIRST, 0
    for entry in found:
        if not entry.number or entry.number <= last or entry.number > chain.count:
            yield Fault(chain.station_id, entry.number or 0, Wrong.ADDED)
            continue
        if missing := range(last + 1, entry.number):  # so that nobody knows what it should follow
            yield from (Fault(chain.station_id, number, Wrong.MISSING) for number in missing)
        elif not _sealing_key(entry, before):
            yield Fault(chain.station_id, entry.number, Wrong.CHANGED)
        before, last = bytes(entry.mac or b""), entry.number
    if not any(hmac.compare_digest(chain_seal(key, chain), bytes(chain.seal)) for key in settings.AUDIT_KEYS):
        yield Fault(chain.station_id, chain.count, Wrong.HEAD_CHANGED)
    elif last < chain.count:
        yield Fault(chain.station_id, last + 1, Wrong.CUT_OFF)
    elif before != bytes(chain.head):
        yield Fault(chain.station_id, last, Wrong.CHANGED)
