"""The proof that the audit log is what was written."""

import hmac
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Final

from django.conf import settings
from django.db.models import BigIntegerField, Max

from accounts.audit.chain import BEFORE_THE_FIRST, Head, chain_seal, checkpoint_mac, entry_mac
from accounts.audit.models import AuditChain, AuditCheckpoint, AuditEntry
from accounts.encryption.keys import key_id
from core.db.snapshots import snapshot
from stations.models import Station

AT_ONCE: Final = 1_000
CHECKPOINTS_AT_ONCE: Final = 200
"""Each covers up to as many chains as there are stations."""
End = tuple[int | None, int]
"""Of a chain: the key of its station, and a number of entries."""


class Wrong(StrEnum):
    """What can be found, for a person to read."""

    CHANGED = "was changed, or stands in another's place"
    MISSING = "is missing"
    ADDED = "was not written by the product"
    CUT_OFF = "and all after it were cut off"
    AFTER_A_GAP = "does not follow the one before it: others between them are missing"
    HEAD_CHANGED = "is the last by a count that the product did not write"
    NO_CHAIN = "is there, but its chain's count and head are gone"
    REPLACED = "is another than a record from outside says: the audit log was put back, and continued from there"


@dataclass(frozen=True, slots=True)
class Fault:
    """One place at which the trail is not what was written. `station` is a key, None for what belongs to no station."""

    station: int | None
    number: int
    wrong: Wrong

    def __str__(self) -> str:
        where = f"station {self.station}" if self.station else "no station"
        return f"Entry {self.number} of {where} {self.wrong}."


@dataclass(frozen=True, slots=True)
class CheckpointFault:
    """One checkpoint that is not what was written, or contradicts the entries that it covers."""

    number: int
    wrong: Wrong

    def __str__(self) -> str:
        return f"Checkpoint {self.number} {self.wrong}."


AnyFault = Fault | CheckpointFault


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was written down outside of the database: combined heads by the numbers of their checkpoints, and ends of chains."""

    checkpoints: Mapping[int, bytes] = field(default_factory=dict)
    ends: Sequence[Head] = ()


NO_EVIDENCE: Final = Evidence()


def faults(evidence: Evidence = NO_EVIDENCE) -> Iterator[AnyFault]:
    """Every place at which the audit log is not what was written, or not what the evidence says; nothing for one that is. Of one
    moment, in bounded memory, while others write."""
    with snapshot():
        chains = {chain.station_id: chain for chain in AuditChain.objects.all()}
        used = set(AuditEntry.objects.order_by().values_list("station_id", flat=True).distinct())
        expected = set(Station.objects.values_list("pk", flat=True))
        for station_id in sorted(used | expected | set(chains), key=lambda one: one or 0):
            if station_id in chains:
                yield from _faults_of(chains[station_id])
            else:
                yield Fault(station_id, 1, Wrong.NO_CHAIN)
        walk = _CheckpointWalk()
        yield from _faults_of_checkpoints(walk, evidence.checkpoints)
        counts = {station_id: chain.count for station_id, chain in chains.items()}
        yield from _cut_off(
            counts, [*walk.covered.items(), *((station, count) for station, count, _head in evidence.ends)]
        )
        yield from _replaced(evidence.ends)


def _sealing_key(entry: AuditEntry, before: bytes) -> bytes | None:
    """The key of the ring that the entry is sealed under; None for one that was not sealed so."""
    for key in settings.AUDIT_KEYS:
        if hmac.compare_digest(entry_mac(key, entry.number or 0, before, entry), bytes(entry.mac or b"")):
            return key
    return None


def uses() -> dict[bytes, Counter[str]]:
    """How many entries, heads of chains and checkpoints are sealed under each key of the ring, by its id. It shows only by
    trying, as in a proof."""
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
    walk = _CheckpointWalk()
    for _step in walk.steps():
        pass
    for id_of_key, count in walk.keys.items():
        found[id_of_key][AuditCheckpoint._meta.label] = count
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


def _faults_of_checkpoints(walk: "_CheckpointWalk", expected: Mapping[int, bytes]) -> Iterator[CheckpointFault]:
    """`expected` are the combined heads that were written down outside."""
    confirmed = set()
    for checkpoint, wrong in walk.steps():
        if wrong:
            yield CheckpointFault(checkpoint.number, wrong)
        if expected.get(checkpoint.number) == bytes(checkpoint.mac):
            confirmed.add(checkpoint.number)
    named = AuditEntry.objects.aggregate(newest=Max("checkpoint"))["newest"] or 0
    if named > walk.last:
        yield CheckpointFault(walk.last + 1, Wrong.CUT_OFF)
    for number in sorted(set(expected) - confirmed):
        yield CheckpointFault(number, Wrong.MISSING if number > walk.last else Wrong.REPLACED)


class _CheckpointWalk:
    """Goes over the checkpoints in their order, and verifies each."""

    def __init__(self) -> None:
        self.last = 0
        self.covered: dict[int | None, int] = {}
        """How many entries of each chain some checkpoint covers."""
        self.keys: Counter[bytes] = Counter()
        """How many are sealed under each key, by its id."""
        self._before = BEFORE_THE_FIRST

    def steps(self) -> Iterator[tuple[AuditCheckpoint, Wrong | None]]:
        every = AuditCheckpoint.objects.order_by("number").iterator(CHECKPOINTS_AT_ONCE)
        while page := list(islice(every, CHECKPOINTS_AT_ONCE)):
            ends = [_covered_by(checkpoint) for checkpoint in page]
            macs = _macs_of([end for found in ends for end in found or ()])
            for checkpoint, found in zip(page, ends, strict=True):
                yield checkpoint, self._verify(checkpoint, found, macs)

    def _verify(self, checkpoint: AuditCheckpoint, ends: "list[End] | None", macs: Mapping[End, bytes]) -> Wrong | None:
        gap, before = checkpoint.number != self.last + 1, self._before
        self.last, self._before = checkpoint.number, bytes(checkpoint.mac)
        for station_id, count in ends or ():
            self.covered[station_id] = max(count, self.covered.get(station_id, 0))
        if gap:
            return Wrong.AFTER_A_GAP
        if ends is None:
            return Wrong.CHANGED
        if any(end not in macs for end in ends):
            return None  # the entries are missing, which is found at their chain
        heads = [(station_id, count, macs[station_id, count]) for station_id, count in ends]
        for key in settings.AUDIT_KEYS:
            expected = checkpoint_mac(key, before, checkpoint.number, checkpoint.made_at, heads)
            if hmac.compare_digest(expected, bytes(checkpoint.mac)):
                self.keys[key_id(key)] += 1
                return None
        return Wrong.CHANGED


def _covered_by(checkpoint: AuditCheckpoint) -> "list[End] | None":
    """The ends of chains that it covers; None where that is not what the product writes."""
    found = checkpoint.counts
    if not isinstance(found, list) or not all(isinstance(one, list) and len(one) == 2 for one in found):
        return None
    ends = [(station_id, count) for station_id, count in found]
    sound = all(_is_number(count) and (station_id is None or _is_number(station_id)) for station_id, count in ends)
    return ends if sound else None


def _is_number(value: object) -> bool:
    return type(value) is int and 0 < value <= BigIntegerField.MAX_BIGINT


def _macs_of(ends: Sequence[End]) -> dict[End, bytes]:
    """The seals of the entries with these numbers."""
    by_station: dict[int | None, set[int]] = defaultdict(set)
    for station_id, count in ends:
        by_station[station_id].add(count)
    found: dict[End, bytes] = {}
    for station_id, numbers in by_station.items():
        entries = AuditEntry.objects.filter(station_id=station_id, number__in=numbers).order_by()
        found |= {(station_id, number): bytes(mac or b"") for number, mac in entries.values_list("number", "mac")}
    return found


def _cut_off(counts: Mapping[int | None, int], ends: Iterable[End]) -> Iterator[Fault]:
    """Each chain whose count is below one that was sealed or written down elsewhere."""
    covered: dict[int | None, int] = {}
    for station_id, count in ends:
        covered[station_id] = max(count, covered.get(station_id, 0))
    for station_id, count in covered.items():
        if counts.get(station_id, 0) < count:
            yield Fault(station_id, counts.get(station_id, 0) + 1, Wrong.CUT_OFF)


def _replaced(ends: Sequence[Head]) -> Iterator[Fault]:
    """Each entry that was the end of a chain when that was written down, and is another now."""
    macs = _macs_of([(station_id, count) for station_id, count, _head in ends])
    for station_id, count, head in ends:
        if macs.get((station_id, count), head) != head:
            yield Fault(station_id, count, Wrong.REPLACED)
