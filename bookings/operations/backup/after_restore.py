"""Prepares restored data for use.

The database does not know what happened after the backup: sign-outs, revoked keys, sent emails, changes that others have read. So
all sessions end, API keys and feeds end unless a newer list names them, emails that may have been sent wait for a decision, and
versions jump ahead of every number that may have been seen.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import F

from accounts.auth import sessions
from accounts.models import Customer
from bookings.mails import outbox, reminders
from bookings.models import Booking, Feed, UndoStep
from bookings.operations import clock_check
from bookings.operations.backup import credentials
from bookings.operations.backup.credentials import Credential, Ended
from stations.models import Station

VERSION_JUMP: Final = 1_000
CHANGES_JUMP: Final = 1_000_000
"""More than anything can have changed since a backup, so that no version and no ETag is used twice, and
calendar programs take the next email for newer than all earlier ones."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Number of people signed out, the API keys and feeds that ended, and number of emails that wait for a decision."""

    people: int
    credentials: Ended
    mails: int


@transaction.atomic
def prepare(now: datetime, *, in_use: Collection[Credential]) -> Prepared:
    """Run once, before anybody uses the restored data. `in_use` are the API keys and feeds that stay valid."""
    reminders.queue_due(now)  # reminders due by now may have been sent: they are held, too
    held = outbox.hold_for_staff(now)
    ended = credentials.end_all_but(in_use, at=now)
    # Together with their owners' epochs, so that they stay listed.
    Feed.objects.listed().update(epoch=F("epoch") + sessions.EPOCH_JUMP)
    people = sessions.revoke_access_of_everyone()
    clock_check.confirm(now)  # the readings are those from before the backup
    UndoStep.objects.all().delete()  # they belong to those sessions
    Booking.objects.update(version=F("version") + VERSION_JUMP)
    Customer.objects.update(version=F("version") + VERSION_JUMP)
    Station.objects.update(
        changes=F("changes") + CHANGES_JUMP,
        version=F("version") + VERSION_JUMP,
        timetable_version=F("timetable_version") + VERSION_JUMP,
    )
    return Prepared(people, ended, held)
