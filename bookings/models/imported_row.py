"""The model of imported rows, by which a later import recognizes them."""

from django.db import models

from accounts.encryption import KeyedHashField
from bookings.models.booking import Booking
from bookings.models.contact_proposal import ContactProposal as ContactProposal  # Django finds it here
from bookings.models.operations import BackupRecord as BackupRecord
from bookings.models.operations import ClockReading as ClockReading
from bookings.models.operations import RetentionNotice as RetentionNotice
from bookings.models.operations import WorkerBeat as WorkerBeat
from stations.models import Station
from stations.querysets import OfStationQuerySet


class ImportedRow(models.Model):
    """A row of a file that became a booking: keyed hashes to recognize it, and nothing of its content.

    Only `bookings.importing` writes it, in the transaction of the booking itself.
    """

    station = models.ForeignKey(Station, models.PROTECT, related_name="+", db_index=False)
    booking = models.ForeignKey(Booking, models.CASCADE, related_name="imported_rows")
    fingerprint = KeyedHashField(max_length=20)
    """The keyed hash that identifies the row; see `bookings.importing.identity`."""
    content = KeyedHashField(max_length=400)
    """Keyed hashes of its fields as last imported, by field name."""

    objects = OfStationQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["station", "fingerprint"], name="imported_row_once_a_station"),
        ]

    def __str__(self) -> str:
        return f"{self.booking}"
