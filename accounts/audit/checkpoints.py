"""Checkpoints of the audit log: the heads of all chains sealed together at intervals, so that no chain can be put back alone.

A checkpoint's own seal, the *combined head*, covers the checkpoint before it. Entries name the newest checkpoint in their own
seals: whoever takes checkpoints away has to take away every entry, of every chain, that was written since. Who does that, and
puts all of the audit log back to an earlier moment, is found by a combined head that was written down elsewhere; so each one is
written to the log, and to the manifests of backups.
"""

import logging
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.audit.chain import BEFORE_THE_FIRST, Head, checkpoint_mac
from accounts.audit.models import AuditChain, AuditCheckpoint

log = logging.getLogger(__name__)

IN_ORDER: Final = F("station").asc(nulls_first=True)


def newest() -> AuditCheckpoint | None:
    found: AuditCheckpoint | None = AuditCheckpoint.objects.order_by("-number").first()
    return found


def name_of(checkpoint: AuditCheckpoint) -> str:
    """Number and combined head, as logs, manifests and `verify_audit` write them."""
    return f"{checkpoint.number}:{bytes(checkpoint.mac).hex()}"


class Checkpointer:
    """Makes checkpoints for as long as a worker lives, and remembers what it saw: the first names every chain, the others those
    that have moved since."""

    def __init__(self) -> None:
        self._number = 0
        self._counts: dict[int | None, int] = {}

    def make(self, now: datetime) -> AuditCheckpoint | None:
        """None where no chain has moved, or another worker has just made one. Nobody who writes entries is kept waiting."""
        try:
            with transaction.atomic():
                made, heads = self._append(now)
        except IntegrityError:
            return None
        if made:
            self._tell_chains(made, heads)
            log.info("audit checkpoint", extra={"fields": {"checkpoint": name_of(made), "chains": len(heads)}})
        return made

    def _append(self, now: datetime) -> tuple[AuditCheckpoint | None, list[Head]]:
        last = newest()
        chains = AuditChain.objects.order_by(IN_ORDER).values_list("station", "count", "head")
        heads: list[Head] = [(station, count, bytes(head)) for station, count, head in chains]
        self._notice_a_rollback(last, heads)
        moved = [head for head in heads if head[1] != self._counts.get(head[0], 0)]
        if not moved:
            return None, []
        number, before = (last.number + 1, bytes(last.mac)) if last else (1, BEFORE_THE_FIRST)
        made = AuditCheckpoint.objects.create(
            number=number,
            made_at=now,
            counts=[[station, count] for station, count, _head in moved],
            mac=checkpoint_mac(settings.AUDIT_KEYS[0], before, number, now, moved),
        )
        self._number, self._counts = number, {station: count for station, count, _head in heads}
        return made, moved

    def _notice_a_rollback(self, last: AuditCheckpoint | None, heads: list[Head]) -> None:
        """An error in the log, once, where there is less now than this worker has seen."""
        counts = {station: count for station, count, _head in heads}
        shorter = [station for station, count in self._counts.items() if counts.get(station, 0) < count]
        if shorter or self._number > (last.number if last else 0):
            log.error("The audit log was cut since its last checkpoint. Run manage.py verify_audit.")
            self._number, self._counts = 0, {}

    def _tell_chains(self, made: AuditCheckpoint, heads: list[Head]) -> None:
        """One after the other, so that no two stations are ever locked together."""
        for station, _count, _head in heads:
            AuditChain.objects.filter(station=station, checkpoint__lt=made.number).update(checkpoint=made.number)
