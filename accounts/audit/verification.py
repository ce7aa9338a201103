"""Verification of the audit log: finds entries and checkpoints that are not as they were written."""

import hmac
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Final

from django.conf import settings
from django.db.models import BigIntegerField, Max

from accounts.audit.chain import EMPTY_HEAD, Head, chain_seal, checkpoint_mac, entry_mac
from accounts.audit.models import AuditChain, AuditCheckpoint, AuditEntry
from accounts.encryption.keys import key_id
from core.db.snapshots import snapshot
from stations.models import Station

BATCH_SIZE: Final = 1_000
CHECKPOINT_BATCH_SIZE: Final = 200
"""Each checkpoint covers up to as many chains as there are stations."""
End = tuple[int | None, int]
"""The end of a chain: station key and number of entries."""


class FaultKind(StrEnum):
    """What can be wrong with an entry or a checkpoint, as the second half of a sentence."""

    CHANGED = "was changed, or moved to another place"
    MISSING = "is missing"
    ADDED = "was not written by the product"
    CUT_OFF = "and all that follow were removed"
    AFTER_A_GAP = "does not follow the one before it: those between them are missing"
    HEAD_CHANGED = "is the last, according to a count that the product did not write"
    NO_CHAIN = "exists, but the count and head of its chain are missing"
    REPLACED = "differs from a record outside the database: the audit log was reset to an earlier state and continued"


@dataclass(frozen=True, slots=True)
class Fault:
    """A place where the audit log is not as it was written. `station` is a primary key, None for entries of no station."""

    station: int | None
    number: int
    kind: FaultKind

    def __str__(self) -> str:
        where = f"station {self.station}" if self.station else "no station"
        return f"Entry {self.number} of {where} {self.kind}."


@dataclass(frozen=True, slots=True)
class CheckpointFault:
    """A checkpoint that is not as it was written, or contradicts the entries that it covers."""

    number: int
    kind: FaultKind

    def __str__(self) -> str:
        return f"Checkpoint {self.number} {self.kind}."


AnyFault = Fault | CheckpointFault


@dataclass(frozen=True, slots=True)
class Evidence:
    """Records from outside the database: combined heads by the numbers of their checkpoints, and ends of chains."""

    checkpoints: Mapping[int, bytes] = field(default_factory=dict)
    ends: Sequence[Head] = ()


NO_EVIDENCE: Final = Evidence()


def faults(evidence: Evidence = NO_EVIDENCE) -> Iterator[AnyFault]:
    """All places where the audit log is not as it was written, or contradicts the evidence.

    Reads one snapshot, in bounded memory, while others may write.
    """
    with snapshot():
        chains = {chain.station_id: chain for chain in AuditChain.objects.all()}
        used = set(AuditEntry.objects.order_by().values_list("station_id", flat=True).distinct())
        expected = set(Station.objects.values_list("pk", flat=True))
        for station_id in sorted(used | expected | set(chains), key=lambda one: one or 0):
            if station_id in chains:
                yield from _chain_faults(chains[station_id])
            else:
                yield Fault(station_id, 1, FaultKind.NO_CHAIN)
        walk = _CheckpointWalk()
        yield from _checkpoint_faults(walk, evidence.checkpoints)
        counts = {station_id: chain.count for station_id, chain in chains.items()}
        yield from _truncated_chains(
            counts, [*walk.covered.items(), *((station, count) for station, count, _head in evidence.ends)]
        )
        yield from _replaced_entries(evidence.ends)


def _sealing_key(entry: AuditEntry, before: bytes) -> bytes | None:
    """The key of the ring under which the entry was sealed; None if its MAC is wrong."""
    for key in settings.AUDIT_KEYS:
        if hmac.compare_digest(entry_mac(key, entry.number or 0, before, entry), bytes(entry.mac or b"")):
            return key
    return None


def count_key_usage() -> dict[bytes, Counter[str]]:
    """How many entries, chain heads and checkpoints are sealed under each key of the ring, by key ID.

    A MAC does not name its key, so this tries each key, like the verification.
    """
    found: dict[bytes, Counter[str]] = defaultdict(Counter)
    for chain in AuditChain.objects.all():
        before = EMPTY_HEAD
        for entry in (
            AuditEntry.objects.filter(station_id=chain.station_id).order_by("number", "pk").iterator(BATCH_SIZE)
        ):
            if key := _sealing_key(entry, before):
                found[key_id(key)][AuditEntry._meta.label] += 1
            before = bytes(entry.mac or b"")
        for key in settings.AUDIT_KEYS:
            if hmac.compare_digest(chain_seal(key, chain), bytes(chain.seal)):
                found[key_id(key)][AuditChain._meta.label] += 1
    walk = _CheckpointWalk()
    for _step in walk.steps():
        pass
    for id_of_key, count in walk.keys.items():
        found[id_of_key][AuditCheckpoint._meta.label] = count
    return found


def _chain_faults(chain: AuditChain) -> Iterator[Fault]:
    found = AuditEntry.objects.filter(station_id=chain.station_id).order_by("number", "pk").iterator(BATCH_SIZE)
    before, last = EMPTY_HEAD, 0
    for entry in found:
        if not entry.number or entry.number <= last or entry.number > chain.count:
            yield Fault(chain.station_id, entry.number or 0, FaultKind.ADDED)
            continue
        if missing := range(last + 1, entry.number):  # its predecessor is unknown, so its own MAC cannot be checked
            yield from (Fault(chain.station_id, number, FaultKind.MISSING) for number in missing)
        elif not _sealing_key(entry, before):
            yield Fault(chain.station_id, entry.number, FaultKind.CHANGED)
        before, last = bytes(entry.mac or b""), entry.number
    if not any(hmac.compare_digest(chain_seal(key, chain), bytes(chain.seal)) for key in settings.AUDIT_KEYS):
        yield Fault(chain.station_id, chain.count, FaultKind.HEAD_CHANGED)
    elif last < chain.count:
        yield Fault(chain.station_id, last + 1, FaultKind.CUT_OFF)
    elif before != bytes(chain.head):
        yield Fault(chain.station_id, last, FaultKind.CHANGED)


def _checkpoint_faults(walk: "_CheckpointWalk", expected: Mapping[int, bytes]) -> Iterator[CheckpointFault]:
    """`expected` are the combined heads from the evidence."""
    confirmed = set()
    for checkpoint, kind in walk.steps():
        if kind:
            yield CheckpointFault(checkpoint.number, kind)
        if expected.get(checkpoint.number) == bytes(checkpoint.mac):
            confirmed.add(checkpoint.number)
    named = AuditEntry.objects.aggregate(newest=Max("checkpoint"))["newest"] or 0
    if named > walk.last:
        yield CheckpointFault(walk.last + 1, FaultKind.CUT_OFF)
    for number in sorted(set(expected) - confirmed):
        yield CheckpointFault(number, FaultKind.MISSING if number > walk.last else FaultKind.REPLACED)


class _CheckpointWalk:
    """Iterates over the checkpoints in order, and verifies each."""

    def __init__(self) -> None:
        self.last = 0
        self.covered: dict[int | None, int] = {}
        """The number of entries of each chain that are covered by a checkpoint."""
        self.keys: Counter[bytes] = Counter()
        """The number of checkpoints sealed under each key, by key ID."""
        self._before = EMPTY_HEAD

    def steps(self) -> Iterator[tuple[AuditCheckpoint, FaultKind | None]]:
        every = AuditCheckpoint.objects.order_by("number").iterator(CHECKPOINT_BATCH_SIZE)
        while page := list(islice(every, CHECKPOINT_BATCH_SIZE)):
            ends = [_covered_ends(checkpoint) for checkpoint in page]
            macs = _entry_macs([end for found in ends for end in found or ()])
            for checkpoint, found in zip(page, ends, strict=True):
                yield checkpoint, self._verify(checkpoint, found, macs)

    def _verify(
        self, checkpoint: AuditCheckpoint, ends: "list[End] | None", macs: Mapping[End, bytes]
    ) -> FaultKind | None:
        gap, before = checkpoint.number != self.last + 1, self._before
        self.last, self._before = checkpoint.number, bytes(checkpoint.mac)
        for station_id, count in ends or ():
            self.covered[station_id] = max(count, self.covered.get(station_id, 0))
        if gap:
            return FaultKind.AFTER_A_GAP
        if ends is None:
            return FaultKind.CHANGED
        if any(end not in macs for end in ends):
            return None  # entries are missing, which is reported for their chain
        heads = [(station_id, count, macs[station_id, count]) for station_id, count in ends]
        for key in settings.AUDIT_KEYS:
            expected = checkpoint_mac(key, before, checkpoint.number, checkpoint.made_at, heads)
            if hmac.compare_digest(expected, bytes(checkpoint.mac)):
                self.keys[key_id(key)] += 1
                return None
        return FaultKind.CHANGED


def _covered_ends(checkpoint: AuditCheckpoint) -> "list[End] | None":
    """The ends of chains that a checkpoint covers; None for a value that the product does not write."""
    found = checkpoint.counts
    if not isinstance(found, list) or not all(isinstance(one, list) and len(one) == 2 for one in found):
        return None
    ends = [(station_id, count) for station_id, count in found]
    sound = all(_is_number(count) and (station_id is None or _is_number(station_id)) for station_id, count in ends)
    return ends if sound else None


def _is_number(value: object) -> bool:
    return type(value) is int and 0 < value <= BigIntegerField.MAX_BIGINT


def _entry_macs(ends: Sequence[End]) -> dict[End, bytes]:
    """The MACs of the entries with these numbers."""
    by_station: dict[int | None, set[int]] = defaultdict(set)
    for station_id, count in ends:
        by_station[station_id].add(count)
    found: dict[End, bytes] = {}
    for station_id, numbers in by_station.items():
        entries = AuditEntry.objects.filter(station_id=station_id, number__in=numbers).order_by()
        found |= {(station_id, number): bytes(mac or b"") for number, mac in entries.values_list("number", "mac")}
    return found


def _truncated_chains(counts: Mapping[int | None, int], ends: Iterable[End]) -> Iterator[Fault]:
    """Chains with fewer entries than a checkpoint or the evidence says."""
    covered: dict[int | None, int] = {}
    for station_id, count in ends:
        covered[station_id] = max(count, covered.get(station_id, 0))
    for station_id, count in covered.items():
        if counts.get(station_id, 0) < count:
            yield Fault(station_id, counts.get(station_id, 0) + 1, FaultKind.CUT_OFF)


def _replaced_entries(ends: Sequence[Head]) -> Iterator[Fault]:
    """Entries that differ from the ends of chains in the evidence."""
    macs = _entry_macs([(station_id, count) for station_id, count, _head in ends])
    for station_id, count, head in ends:
        if macs.get((station_id, count), head) != head:
            yield Fault(station_id, count, FaultKind.REPLACED)
