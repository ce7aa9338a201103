"""The model of the changes that can be undone in a browser's session."""

import json
import uuid
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property

from accounts.encryption import EncryptedTextField
from accounts.models import User
from bookings.models.booking import Booking
from bookings.models.contact_proposal import ContactProposal as ContactProposal  # Django finds it here
from bookings.models.operations import BackupRecord as BackupRecord
from bookings.models.operations import ClockReading as ClockReading
from bookings.models.operations import RetentionNotice as RetentionNotice
from bookings.models.operations import WorkerBeat as WorkerBeat
from bookings.models.querysets import UndoStepQuerySet
from stations.models import Station


class UndoStep(models.Model):  # noqa: DJ008
    """A change that somebody made to a booking in a browser's session, kept for a short time so that they can undo and redo it.

    Only `bookings.undo` writes it. Erasing any of the customers concerned deletes it.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    stack = models.UUIDField(db_index=True)
    """The session's id for its steps; see `accounts.auth.undo_stack`."""
    station = models.ForeignKey(Station, models.PROTECT, related_name="+", db_index=False)
    """Where the booking is once the step is done, or after it was undone."""
    booking = models.ForeignKey(Booking, models.CASCADE, related_name="undo_steps", db_index=False)
    event = models.CharField(max_length=11)
    """An `audit.Event`."""
    key = models.UUIDField(default=uuid.uuid4, null=True, editable=False)
    """What the changes are bound to. None where the release before wrote them."""
    changes = EncryptedTextField(bound_to="key")
    """`{field: [old, new]}` as JSON, personal data included."""
    version_before = models.PositiveIntegerField()
    """The booking's version that stands for its state before the step: the step can be redone in this version alone."""
    version_after = models.PositiveIntegerField()
    """The same for the state after the step: it can be undone in this version alone."""
    undone = models.BooleanField(default=False)
    customer_before = models.UUIDField(null=True)
    customer_after = models.UUIDField(null=True)
    """Keys of the customers whose data the changes hold."""
    known: Any = models.JSONField(null=True)
    """What the customer knew of the booking before the step: a `BookingSnapshot`. None where the step did not concern them."""
    created_at = models.DateTimeField(default=timezone.now)

    objects = UndoStepQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    @cached_property
    def values(self) -> dict[str, tuple[Any, Any]]:
        """`{field: (old, new)}` in the fields' own types; `station_id` and `customer_id` are keys."""
        parsed: dict[str, list[Any]] = json.loads(self.changes)
        fields: dict[str, Any] = {name: Booking._meta.get_field(name) for name in parsed}
        return {name: (fields[name].to_python(old), fields[name].to_python(new)) for name, (old, new) in parsed.items()}

    def differs(self, name: str) -> bool:
        old, new = self.values.get(name, (None, None))
        return bool(old != new)
