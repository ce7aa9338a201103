"""Checkpoints of the audit log: at intervals, the heads of all chains are sealed together, so that no chain can be reset alone.

The seal of a checkpoint, the *combined head*, covers the previous checkpoint. Entries include the newest checkpoint in their own
MACs, so removing checkpoints requires removing every later entry of every chain. Resetting the whole audit log to an earlier
state is detected by a combined head that was recorded elsewhere; therefore each one is written to the log and to the manifests
of backups.
"""

import logging
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.audit.chain import EMPTY_HEAD, Head, checkpoint_mac
from accounts.audit.models import AuditChain, AuditCheckpoint

log = logging.getLogger(__name__)

STATION_ORDER: Final = F("station").asc(nulls_first=True)


def newest() -> AuditCheckpoint | None:
    found: AuditCheckpoint | None = AuditCheckpoint.objects.order_by("-number").first()
    return found


def name_of(checkpoint: AuditCheckpoint) -> str:
    """Number and combined head, as shown in logs, manifests and `verify_audit`."""
    return f"{checkpoint.number}:{bytes(checkpoint.mac).hex()}"


class Checkpointer:
    """Makes checkpoints during the life of a worker.

    The first one covers every chain, later ones those that have changed since.
    """

    def __init__(self) -> None:
        self._number = 0
        self._counts: dict[int | None, int] = {}

    def make(self, now: datetime) -> AuditCheckpoint | None:
        """Make a checkpoint; None if no chain has changed, or another worker has just made one. Never blocks writers."""
        try:
            with transaction.atomic():
                checkpoint, heads = self._append(now)
        except IntegrityError:
            return None
        if checkpoint:
            self._update_chains(checkpoint, heads)
            log.info("audit checkpoint", extra={"fields": {"checkpoint": name_of(checkpoint), "chains": len(heads)}})
        return checkpoint

    def _append(self, now: datetime) -> tuple[AuditCheckpoint | None, list[Head]]:
        last = newest()
        chains = AuditChain.objects.order_by(STATION_ORDER).values_list("station", "count", "head")
        heads: list[Head] = [(station, count, bytes(head)) for station, count, head in chains]
        self._warn_of_rollback(last, heads)
        changed = [head for head in heads if head[1] != self._counts.get(head[0], 0)]
        if not changed:
            return None, []
        number, before = (last.number + 1, bytes(last.mac)) if last else (1, EMPTY_HEAD)
        checkpoint = AuditCheckpoint.objects.create(
            number=number,
            made_at=now,
            counts=[[station, count] for station, count, _head in changed],
            mac=checkpoint_mac(settings.AUDIT_KEYS[0], before, number, now, changed),
        )
        self._number, self._counts = number, {station: count for station, count, _head in heads}
        return checkpoint, changed

    def _warn_of_rollback(self, last: AuditCheckpoint | None, heads: list[Head]) -> None:
        """Log an error, once, if there are fewer entries or checkpoints than this worker has seen."""
        counts = {station: count for station, count, _head in heads}
        shorter = [station for station, count in self._counts.items() if counts.get(station, 0) < count]
        if shorter or self._number > (last.number if last else 0):
            log.error("The audit log was cut since its last checkpoint. Run manage.py verify_audit.")
            self._number, self._counts = 0, {}

    def _update_chains(self, checkpoint: AuditCheckpoint, heads: list[Head]) -> None:
        """Tell the chains of the new checkpoint, one by one, so that no two stations are locked at the same time."""
        for station, _count, _head in heads:
            AuditChain.objects.filter(station=station, checkpoint__lt=checkpoint.number).update(
                checkpoint=checkpoint.number
            )
