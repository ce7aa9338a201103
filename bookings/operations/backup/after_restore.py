"""What must not go on as if nothing had happened, when an earlier day's database becomes today's.

Between the backup and now people were signed out, keys revoked, mails sent, calendars read and bookings changed, and the
database knows nothing of it. So all sessions are over, API keys and feeds end unless a newer list names them, mails that may have
gone wait for somebody to decide, and counters leap ahead of every number that anybody may have seen.
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

VERSIONS: Final = 1_000
CHANGES: Final = 1_000_000
"""More than a booking, a customer or a station can have gone through since a backup: so no version and no ETag comes twice with
another meaning, and customers' calendars take what they are told next for newer than all before."""


@dataclass(frozen=True, slots=True)
class Woken:
    """How many people were signed out, which API keys and feeds ended, and how many mails wait for a decision."""

    people: int
    credentials: Ended
    mails: int


@transaction.atomic
def wake(now: datetime, *, in_use: Collection[Credential]) -> Woken:
    """Once, before anybody works with what was restored. `in_use` are the API keys and feeds that stay."""
    reminders.queue(now)  # those whose hour came before now may have gone: they are held with the rest
    held = outbox.hold_all(now)
    ended = credentials.end_all_but(in_use, at=now)
    Feed.objects.listed().update(
        epoch=F("epoch") + sessions.EPOCH_JUMP
    )  # before their people's: they stay on their pages
    people = sessions.revoke_access_of_everyone()
    clock_check.confirm(now)  # what was read of it was read before the backup
    UndoStep.objects.all().delete()  # they belong to those sessions
    Booking.objects.update(version=F("version") + VERSIONS)
    Customer.objects.update(version=F("version") + VERSIONS)
    Station.objects.update(
        changes=F("changes") + CHANGES,
        version=F("version") + VERSIONS,
        timetable_version=F("timetable_version") + VERSIONS,
    )
    return Woken(people, ended, held)
