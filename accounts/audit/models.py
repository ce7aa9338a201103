"""Models of the audit log: entries, the chain of each station that they are appended to, and checkpoints."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from auditlog.models import AbstractLogEntry, LogEntryManager
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.audit import origin
from accounts.audit.chain import append
from core.db import sql
from stations.models import Station
from stations.querysets import OfStationQuerySet


class AppendOnlyError(TypeError):
    """An attempt to change or delete part of the audit log."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """Rows that are never changed or deleted."""

    def update(self, **values: Any) -> int:
        if self.exists():
            raise AppendOnlyError
        return 0

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError


class AuditEntryQuerySet(AppendOnlyQuerySet, OfStationQuerySet[Any]):  # type: ignore[override]
    """Appends new entries to their chains."""

    def bulk_create(
        self, objs: Iterable[Any], *args: Any, chains: "LockedChains | None" = None, **options: Any
    ) -> list[Any]:
        """Returns the entries without primary keys. `chains` are those locked ahead, see `append_to_chains`."""
        entries = list(objs)
        with transaction.atomic(savepoint=False):
            append_to_chains(entries, chains)
            origin.log_on_commit(entries)
            sql.insert(entries)
        return entries


class AuditEntryManager(LogEntryManager.from_queryset(AuditEntryQuerySet)):  # type: ignore[misc]
    """Adds origin and station to the entries that auditlog writes itself."""

    def log_create(self, instance: models.Model, force_log: bool = False, **fields: Any) -> Any:
        return super().log_create(instance, force_log, **_origin_fields(instance), **fields)

    def log_m2m_changes(
        self, changed: Any, instance: models.Model, operation: str, field_name: str, **fields: Any
    ) -> Any:
        return super().log_m2m_changes(changed, instance, operation, field_name, **_origin_fields(instance), **fields)


def _origin_fields(instance: models.Model) -> dict[str, Any]:
    return {**origin.entry_fields(), "station_id": origin.station_of(instance)}


class AuditChainQuerySet(models.QuerySet["AuditChain"]):
    def submit_lock(self, *stations: sql.Key | None) -> Callable[[], "list[AuditChain]"]:
        """Send the query for the chains of these stations; None alone stands for the chain of no station.

        They are locked in the order of stations, which prevents deadlocks. Returns a function that waits for the locks.
        """
        known = [station for station in stations if station is not None]
        condition, values = sql.key_condition("t.station_id", *known) if known else ("t.station_id IS NULL", [])
        return sql.submit_rows(self.model, condition, values, order_by="t.station_id", lock="FOR UPDATE OF t")


class AuditChain(models.Model):  # noqa: DJ008
    """The end of a station's chain: number of entries and MAC of the last one. One chain is for entries of no station."""

    station = models.OneToOneField(Station, models.PROTECT, null=True, related_name="audit_chain")
    count = models.PositiveBigIntegerField(default=0)
    head = models.BinaryField(max_length=32, default=b"")
    seal = models.BinaryField(max_length=32, default=b"")
    checkpoint = models.PositiveBigIntegerField(default=0, db_default=0)
    """The newest checkpoint known to this chain, which its next entries name; 0 for none."""

    objects = AuditChainQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(models.Value(1), condition=Q(station=None), name="audit_chain_one_of_no_station"),
        ]


class AuditEntry(AbstractLogEntry):  # type: ignore[misc]
    """One change: who, from where, what, old and new values, but no personal data. Written in the transaction of the change."""

    # As in auditlog, without the indexes that no query uses: every change writes an entry.
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
    """The newest checkpoint known to the chain when the entry was written."""

    objects = AuditEntryManager()

    class Meta(AbstractLogEntry.Meta):  # type: ignore[misc]
        abstract = False
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ["-id"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["object_pk", "id"], name="audit_story_of_object"),
            models.Index(fields=["station", "-id"], name="audit_trail_of_station"),
            models.Index(fields=["station", "number"], name="audit_chain_of_station"),
        ]

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError
        with transaction.atomic(savepoint=False):
            append_to_chains([self])
            origin.log_on_commit([self])
            super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError


class AuditCheckpoint(models.Model):  # noqa: DJ008
    """The heads of all chains at one time, sealed together. Only `accounts.audit.checkpoints` writes it."""

    number = models.PositiveBigIntegerField(primary_key=True)
    """From 1, without gaps."""
    made_at = models.DateTimeField()
    counts: Any = models.JSONField()
    """`[station, count]` of each chain that changed since the previous checkpoint, ordered by station; null for the chain of no
    station. The heads themselves are the MACs of the entries with these numbers."""
    mac = models.BinaryField(max_length=32)
    """The combined head; see `accounts.audit.chain.checkpoint_mac`."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError


_CHAINS: Final = AuditChain.objects.all()  # creating a queryset takes as long as sending a statement


class LockedChains:
    """Chains locked before their entries are written, so that the query shares a round trip. For use in one transaction."""

    def __init__(self, *stations: sql.Key | None) -> None:
        """Send the query for the chains of these stations, or of no station; see `AuditChainQuerySet.submit_lock`."""
        self._fetch = _CHAINS.submit_lock(*stations)
        self._count_before = _append_count.value

    def by_station(self) -> dict[int | None, AuditChain]:
        """The chains by station; none if this thread has appended entries since, because they may be outdated."""
        return {chain.station_id: chain for chain in self._fetch()} if _append_count.value == self._count_before else {}


class _AppendCount(threading.local):
    value = 0


_append_count = _AppendCount()


def _lock_chain(station_id: int | None) -> AuditChain:
    for chain in LockedChains(station_id).by_station().values():
        return chain
    chain, _made = AuditChain.objects.select_for_update().get_or_create(station_id=station_id)  # type: ignore[misc]
    return chain


def append_to_chains(entries: Sequence[AuditEntry], chains: LockedChains | None = None) -> None:
    """Append unsaved entries to the chains of their stations, which stay locked until the transaction ends.

    `chains` are those that were locked ahead.
    """
    locked = chains.by_station() if chains else {}
    _append_count.value += 1
    by_station: dict[int | None, list[AuditEntry]] = defaultdict(list)
    for entry in entries:
        by_station[entry.station_id].append(entry)
    for station_id in sorted(by_station, key=lambda one: one or 0):
        chain = locked.get(station_id) or _lock_chain(station_id)
        append(chain, by_station[station_id])
        sql.update(chain, ["count", "head", "seal"])
