"""The undo stack of a browser's session: the last changes that the person made to bookings, recorded by the services."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Customer
from bookings.audit import Event
from bookings.models import Booking, UndoStep
from bookings.models.mail_state import BookingSnapshot
from bookings.models.status import Status
from core.db import sql
from stations.access import Person

MAX_STEPS: Final = 10
LIFETIME: Final = timedelta(hours=12)

_SNAPSHOT: Final = [
    field.attname
    for field in Booking._meta.concrete_fields
    if field.name not in ("id", "version", "created_at", "updated_at")
]
_ALWAYS: Final = frozenset({"date", "slot", "status", "party_adults", "party_kids"})
"""Recorded even if unchanged: the sentences about a step use them."""


class Recorder:
    """Takes a snapshot of a booking before a service changes it, and records the step afterwards.

    Does nothing outside of a browser's session: in commands, imports and API calls by token or key.
    """

    def __init__(self, booking: Booking, by: Person) -> None:
        self._booking, self._by, self._stack = booking, by, stack_of(by)
        self._before = _snapshot(booking) if self._stack else {}

    def record(self, event: Event, known: BookingSnapshot | None) -> UndoStep | None:
        """Push the step, in the transaction of the change, and drop the steps that could be redone.

        Call it once the booking is written; `known` is what its customer knew before. Returns None if nothing is recorded.
        """
        if self._stack:
            return _push(self._stack, self._booking, event, self._before, known, by=self._by)
        return None


def record_created(booking: Booking, *, by: Person) -> None:
    """Push the step for a new booking, which is undone by cancelling it."""
    if stack := stack_of(by):
        _push(stack, booking, Event.CREATED, _snapshot(booking) | {"status": Status.CANCELLED}, None, by=by)


def stack_of(person: Person) -> UUID | None:
    """The id of the person's stack; None outside of a browser's session."""
    stack: UUID | None = getattr(person, "undo_stack", None)
    return stack


def stack(person: Person) -> "QuerySet[UndoStep]":
    """The person's steps in the current session, oldest first: those done, then those undone."""
    found = stack_of(person)
    if found is None:
        return UndoStep.objects.none()
    return UndoStep.objects.on_stack(found, person, timezone.now() - LIFETIME)


def last_done(steps: Sequence[UndoStep]) -> UndoStep | None:
    """The step to undo next."""
    return next((step for step in reversed(steps) if not step.undone), None)


def first_undone(steps: Sequence[UndoStep]) -> UndoStep | None:
    """The step to redo next."""
    return next((step for step in steps if step.undone), None)


def delete_steps_of(customer: Customer) -> None:
    """Delete every step that may contain the customer's data. The station must be locked."""
    UndoStep.objects.about(customer).delete()


def delete_old(now: datetime) -> None:
    UndoStep.objects.filter(created_at__lte=now - LIFETIME).delete()


def _snapshot(booking: Booking) -> dict[str, Any]:
    return {name: getattr(booking, name) for name in _SNAPSHOT}


def _push(
    stack: UUID, booking: Booking, event: Event, before: dict[str, Any], known: BookingSnapshot | None, *, by: Person
) -> UndoStep:
    after = _snapshot(booking)
    changes = {name: [before[name], value] for name, value in after.items() if name in _ALWAYS or before[name] != value}
    UndoStep.objects.make_room(stack, MAX_STEPS)
    step = UndoStep(
        user_id=by.pk,
        stack=stack,
        station_id=booking.station_id,
        booking=booking,
        event=event,
        changes=json.dumps(changes, default=str),
        version_before=booking.version - 1,
        version_after=booking.version,
        customer_before=before["customer_id"],
        customer_after=booking.customer_id,
        known=known and known.as_json(),
    )
    sql.insert([step])
    return step
