"""The audit log's tables: entries, and the chain of each station, to whose end they are put as they are written."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from auditlog.models import AbstractLogEntry, LogEntryManager
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.audit import origin
from accounts.audit.chain import link
from core.db import sql
from stations.models import Station
from stations.querysets import OfStationQuerySet


class Untouchable(TypeError):
    """Somebody tried to change or delete what the audit trail says."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """What is written once, and never changed or deleted."""

    def update(self, **values: Any) -> int:
        if self.exists():
            raise Untouchable
        return 0

    def delete(self) -> tuple[int, dict[str, int]]:
        raise Untouchable


class AuditEntryQuerySet(AppendOnlyQuerySet, OfStationQuerySet[Any]):  # type: ignore[override]
    """Entries are sealed on the way in."""

    def bulk_create(self, objs: Iterable[Any], *args: Any, chains: "Chains | None" = None, **options: Any) -> list[Any]:
        """They come back without their keys, which nobody asks for. `chains` as `seal` takes them."""
        entries = list(objs)
        with transaction.atomic(savepoint=False):
            seal(entries, chains)
            origin.log_on_commit(entries)
            sql.insert(entries)
        return entries


class AuditEntryManager(LogEntryManager.from_queryset(AuditEntryQuerySet)):  # type: ignore[misc]
    """Fills in who, from where and at which station, where auditlog writes the change itself."""

    def log_create(self, instance: models.Model, force_log: bool = False, **fields: Any) -> Any:
        return super().log_create(instance, force_log, **_origin_of(instance), **fields)

    def log_m2m_changes(
        self, changed: Any, instance: models.Model, operation: str, field_name: str, **fields: Any
    ) -> Any:
        return super().log_m2m_changes(changed, instance, operation, field_name, **_origin_of(instance), **fields)


def _origin_of(instance: models.Model) -> dict[str, Any]:
    return {**origin.context(), "station_id": origin.station_of(instance)}


class AuditChain(models.Model):  # noqa: DJ008
    """How many entries a station's part of the audit trail has, and the seal of the last; one chain is that of no station."""

    station = models.OneToOneField(Station, models.PROTECT, null=True, related_name="audit_chain")
    count = models.PositiveBigIntegerField(default=0)
    head = models.BinaryField(max_length=32, default=b"")
    seal = models.BinaryField(max_length=32, default=b"")
    checkpoint = models.PositiveBigIntegerField(default=0, db_default=0)
    """The newest checkpoint that this chain knows of: its next entries name it. 0 for none."""

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(models.Value(1), condition=Q(station=None), name="audit_chain_one_of_no_station"),
        ]


class AuditEntry(AbstractLogEntry):  # type: ignore[misc]
    """One change: who, from where, what, old and new; never PII. Written in the change's own transaction, once and for all."""

    # As auditlog has them, less the indexes that nothing here asks for: every change of the product writes an entry.
    content_type = models.ForeignKey(
        ContentType, models.CASCADE, related_name="+", verbose_name="content type", db_index=False
    )
    object_pk = models.CharField("object pk", max_length=255)
    object_id = models.BigIntegerField("object id", blank=True, null=True)
    action = models.PositiveSmallIntegerField("action", choices=AbstractLogEntry.Action.choices)
    cid = models.CharField("Correlation ID", max_length=255, blank=True, null=True)  # noqa: DJ001
    station = models.ForeignKey(
        Station, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("station"), db_index=False
    )
    channel = models.CharField(_("from"), max_length=20, choices=origin.Channel.choices)
    event = models.CharField(_("event"), max_length=30, blank=True)
    number = models.PositiveBigIntegerField(_("number"), null=True, editable=False)
    """Its place in its station's chain, from 1."""
    mac = models.BinaryField(max_length=32, null=True, editable=False)
    """See `accounts.audit.chain`."""
    checkpoint = models.PositiveBigIntegerField(null=True, editable=False)
    """The newest checkpoint when it was written, as far as its chain knew."""

    objects = AuditEntryManager()

    class Meta(AbstractLogEntry.Meta):  # type: ignore[misc]
        abstract = False
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        ordering = ["-id"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["object_pk", "id"], name="audit_story_of_object"),
            models.Index(fields=["station", "-id"], name="audit_trail_of_station"),
            models.Index(fields=["station", "number"], name="audit_chain_of_station"),
        ]

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise Untouchable
        with transaction.atomic(savepoint=False):
            seal([self])
            origin.log_on_commit([self])
            super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        raise Untouchable


class AuditCheckpoint(models.Model):  # noqa: DJ008
    """The heads of all chains at one moment, sealed together. Only `accounts.audit.checkpoints` writes it."""

    number = models.PositiveBigIntegerField(primary_key=True)
    """From 1, without gaps."""
    made_at = models.DateTimeField()
    counts: Any = models.JSONField()
    """`[station, count]` of each chain that has moved since the checkpoint before, in the order of stations; null for the chain
    of no station. The heads themselves are those of the entries with these numbers."""
    mac = models.BinaryField(max_length=32)
    """The combined head; see `accounts.audit.chain.checkpoint_mac`."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise Untouchable
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        raise Untouchable


class Chains:
    """Chains that are locked ahead of the entries: asked for now, looked at when they are sealed. Within one transaction."""

    def __init__(self, of_which: str, values: Sequence[Any]) -> None:
        """Asks for those that a condition names, in the order of their stations, as everywhere."""
        self._answer = sql.submit_rows(AuditChain, of_which, values, order_by="t.station_id", lock="FOR UPDATE OF t")
        self._asked_at = _sealed.times

    def as_they_stand(self) -> dict[int | None, AuditChain]:
        """By their stations; none where this thread has sealed anything since, so that they may be longer by now."""
        return {chain.station_id: chain for chain in self._answer()} if _sealed.times == self._asked_at else {}


class _Sealed(threading.local):
    times = 0


_sealed = _Sealed()


def _locked(station_id: int | None) -> AuditChain:
    of_it, values = ("t.station_id = %s", [station_id]) if station_id is not None else ("t.station_id IS NULL", [])
    for chain in Chains(of_it, values).as_they_stand().values():
        return chain
    chain, _made = AuditChain.objects.select_for_update().get_or_create(station_id=station_id)  # type: ignore[misc]
    return chain


def seal(entries: Sequence[AuditEntry], chains: Chains | None = None) -> None:
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
