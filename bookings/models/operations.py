"""What the product notes about its own operation."""

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models

from stations.models import Station
from stations.querysets import OfStationQuerySet


class WorkerBeat(models.Model):  # noqa: DJ008
    """A worker's heartbeat, under an id that it gives itself when it starts. Only `bookings.operations.heartbeat` writes it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    seen_at = models.DateTimeField()
    round = models.CharField(max_length=30, default="", db_default="")
    """What the worker was at: the name of a round; "" between rounds, and where the release before wrote it."""
    round_seconds = models.PositiveIntegerField(default=0, db_default=0)
    """For how long it had been at it, by a clock that nobody sets."""

    class Meta:
        default_permissions = ()


class ClockReading(models.Model):  # noqa: DJ008
    """What workers have seen of the clock, in one row. Only `bookings.operations.clock_check` writes it."""

    KEY: ClassVar[int] = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=KEY, editable=False)
    latest_at = models.DateTimeField()
    """The latest time at which the clock was in no doubt."""
    observed_at = models.DateTimeField()
    """What the clock said when a worker looked last."""
    in_doubt_since: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(null=True)
    """What the clock said when it was found to have leapt ahead; None while it is in no doubt."""

    class Meta:
        default_permissions = ()


class RetentionNotice(models.Model):  # noqa: DJ008
    """That a station's managers are told before the worker erases anybody there.

    Only `bookings.privacy.retention_notices` writes it.
    """

    station = models.OneToOneField(Station, models.CASCADE, related_name="+")
    months = models.PositiveSmallIntegerField()
    """The station's rule that the notice is about."""
    customers = models.PositiveIntegerField()
    """How many were due to be erased when the notice was written."""
    created_at = models.DateTimeField()
    sent_at: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(null=True)
    """When the mail server took it for the first of the managers; where nobody can be emailed, when the log said so."""

    objects = OfStationQuerySet.as_manager()

    class Meta:
        default_permissions = ()


class BackupRecord(models.Model):  # noqa: DJ008
    """The last backup that was made, whole and sealed, in one row. Only `bookings.operations.backup.backup` writes it."""

    KEY: ClassVar[int] = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=KEY, editable=False)
    made_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
