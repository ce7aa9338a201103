"""Records about the operation of the installation: heartbeats, clock readings, retention notices and backups."""

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models

from stations.models import Station
from stations.querysets import OfStationQuerySet


class WorkerBeat(models.Model):  # noqa: DJ008
    """A worker's heartbeat; the worker chooses its ID at start. Only `bookings.operations.heartbeat` writes it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    seen_at = models.DateTimeField()
    round = models.CharField(max_length=30, default="", db_default="")
    """Name of the round that was running; "" between rounds, and in rows of the previous release."""
    round_seconds = models.PositiveIntegerField(default=0, db_default=0)
    """How long that round had been running, by a monotonic clock."""

    class Meta:
        default_permissions = ()


class ClockReading(models.Model):  # noqa: DJ008
    """The workers' readings of the clock, in one row. Only `bookings.operations.clock_check` writes it."""

    KEY: ClassVar[int] = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=KEY, editable=False)
    latest_at = models.DateTimeField()
    """The latest reading while the clock was trusted."""
    observed_at = models.DateTimeField()
    """The last reading, trusted or not."""
    in_doubt_since: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(null=True)
    """The reading at which the clock was found to have jumped ahead; None while it is trusted."""

    class Meta:
        default_permissions = ()


class RetentionNotice(models.Model):  # noqa: DJ008
    """The notice to a station's managers before the worker erases customers there.

    Only `bookings.privacy.retention_notices` writes it.
    """

    station = models.OneToOneField(Station, models.CASCADE, related_name="+")
    months = models.PositiveSmallIntegerField()
    """The retention period that the notice announces."""
    customers = models.PositiveIntegerField()
    """Number of customers due to be erased when the notice was queued."""
    created_at = models.DateTimeField()
    sent_at: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(null=True)
    """When the mail server accepted the first manager's email or, if nobody can be emailed, when the notice was logged."""

    objects = OfStationQuerySet.as_manager()

    class Meta:
        default_permissions = ()


class BackupRecord(models.Model):  # noqa: DJ008
    """The last complete backup, in one row. Only `bookings.operations.backup.backup` writes it."""

    KEY: ClassVar[int] = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=KEY, editable=False)
    made_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
