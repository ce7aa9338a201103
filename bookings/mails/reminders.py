"""Queues reminders, once for each start of a booking."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists, F, OuterRef, Q

from bookings.models import Booking, ImportedRow, Mail
from bookings.models.mail_state import OPEN, Kind, State
from bookings.models.querysets import BookingQuerySet
from bookings.models.status import REMINDED
from stations.models import Station
from stations.querysets import StationQuerySet

BATCH_SIZE: Final = 500
DAY: Final = timedelta(days=1)


def queue_due(now: datetime) -> int:
    """Queue the reminders that have become due, and return how many.

    Confirmed bookings that have not begun get one, unless the customer was emailed about the booking within the reminder
    interval or is about to be. Customers of imported bookings get one only if they have been emailed about the booking before.
    """
    with_reminders = Station.objects.active().exclude(reminder_hours=None)
    hours_used = with_reminders.order_by().values_list("reminder_hours", flat=True).distinct()
    return sum(_queue(hours, now) for hours in list(hours_used) if hours)


def _queue(hours: int, now: datetime) -> int:
    due = _due(Station.objects.active().filter(reminder_hours=hours), timedelta(hours=hours), now)
    queued = 0
    while batch := list(due.values_list("pk", "station_id", "starts_at")[:BATCH_SIZE]):
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
    # The dates narrow it down to what the calendar's index finds; the instants decide.
    soon = Booking.objects.filter(station__in=stations, status__in=REMINDED, needs_place=False).between(
        (now - DAY).date(), (now + before + DAY).date()
    )
    mails = Mail.objects.filter(booking=OuterRef("pk"))
    reminded = mails.filter(reminds_of=OuterRef("starts_at"))
    announcements = mails.exclude(kind=Kind.REMINDER).exclude(state=State.WITHDRAWN)
    since = OuterRef("starts_at") - before
    just_notified = announcements.filter(Q(created_at__gt=since) | Q(ended_at__gt=since) | Q(state__in=OPEN))
    emailed_before = mails.filter(state=State.SENT)
    imported = ImportedRow.objects.filter(booking=OuterRef("pk"))
    return (
        soon.filter(starts_at__gt=now, starts_at__lte=now + before, created_at__lte=F("starts_at") - before)
        .exclude(customer=None)
        .exclude(Exists(reminded) | Exists(just_notified))
        .exclude(Exists(imported) & ~Exists(emailed_before))
    )
