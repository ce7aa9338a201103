"""Reminders: queued once for each start, by whichever worker looks first."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists, F, OuterRef, Q

from bookings.models import Booking, ImportedRow, Mail
from bookings.models.mail_state import OPEN, Kind, State
from bookings.models.querysets import BookingQuerySet
from bookings.models.status import REMINDED
from stations.models import Station
from stations.querysets import StationQuerySet

AT_ONCE: Final = 500
A_DAY: Final = timedelta(days=1)


def queue(now: datetime) -> int:
    """Queue the reminders that have become due, and return how many.

    For confirmed bookings that have not begun. Nobody is reminded of what they heard less than the interval before, or are yet
    to hear; of an import, only whoever was written to about the booking.
    """
    with_reminders = Station.objects.active().exclude(reminder_hours=None)
    hours_used = with_reminders.order_by().values_list("reminder_hours", flat=True).distinct()
    return sum(_queue(hours, now) for hours in list(hours_used) if hours)


def _queue(hours: int, now: datetime) -> int:
    due = _due(Station.objects.active().filter(reminder_hours=hours), timedelta(hours=hours), now)
    queued = 0
    while batch := list(due.values_list("pk", "station_id", "starts_at")[:AT_ONCE]):
        Mail.objects.bulk_create(
            [
                Mail(booking_id=pk, station_id=station, kind=Kind.REMINDER, reminds_of=starts_at, due_at=now)
                for pk, station, starts_at in batch
            ],
            ignore_conflicts=True,
        )
        queued += len(batch)
    return queued


def _due(stations: StationQuerySet[Station], before: timedelta, now: datetime) -> BookingQuerySet[Booking]:
    """The date narrows it down to what the calendar's index finds; the instants decide."""
    soon = Booking.objects.filter(station__in=stations, status__in=REMINDED, needs_place=False).between(
        (now - A_DAY).date(), (now + before + A_DAY).date()
    )
    mails = Mail.objects.filter(booking=OuterRef("pk"))
    reminded = mails.filter(reminds_of=OuterRef("starts_at"))
    told = mails.exclude(kind=Kind.REMINDER).exclude(state=State.WITHDRAWN)
    since = OuterRef("starts_at") - before
    just_told = told.filter(Q(created_at__gt=since) | Q(ended_at__gt=since) | Q(state__in=OPEN))
    written_to = mails.filter(state=State.SENT)
    imported = ImportedRow.objects.filter(booking=OuterRef("pk"))
    return (
        soon.filter(starts_at__gt=now, starts_at__lte=now + before, created_at__lte=F("starts_at") - before)
        .exclude(customer=None)
        .exclude(Exists(reminded) | Exists(just_told))
        .exclude(Exists(imported) & ~Exists(written_to))
    )
