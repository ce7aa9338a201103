"""Erases customers whose last booking is longer ago than their station's retention period."""

import calendar
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from time import monotonic, sleep
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts import roles
from accounts.models import Customer, CustomerQuerySet
from bookings.models import Booking
from bookings.privacy import erasure, retention_notices
from stations.models import Station
from stations.timetable import local_now

BATCH_SIZE: Final = 20
"""Customers per transaction, which locks their station."""
DAILY_MINIMUM: Final = 20
DAILY_SHARE: Final = 0.05
"""What the worker may erase within 24 hours at a station: DAILY_MINIMUM customers, or this share of them if that is more.

If its clock is wrong, people have days to notice.
"""
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RetentionResult:
    """The customers of a station who were (or would be) erased: their last booking ended before the local day `before`."""

    station: Station
    before: date
    erased: int
    remaining: int = 0
    """Customers who are due, but were kept by the daily limit."""


def apply_rules(now: datetime, *, dry_run: bool = False, is_limited: bool = False) -> Iterator[RetentionResult]:
    """Apply the retention rule of each station that has one.

    A dry run only counts. `is_limited` is for a process that nobody watches: it erases a small share per day, and only after
    managers have been notified. Customers are erased in batches, each in a transaction of its own, so that it can be interrupted
    and run in several processes.
    """
    for station in Station.objects.exclude(retention_months=None).order_by("code"):
        before = first_retained_day(station, now)
        if dry_run:
            yield RetentionResult(station, before, expired_customers(station, before).count())
        elif is_limited:
            yield _erase_if_notified(station, before, now)
        else:
            yield RetentionResult(station, before, _erase(station, before))


def _erase_if_notified(station: Station, before: date, now: datetime) -> RetentionResult:
    due = expired_customers(station, before).count()
    if not due or not retention_notices.has_run(station, before, due, now):
        return RetentionResult(station, before, 0)
    erased = _erase(station, before, daily_allowance(station, now))
    return RetentionResult(station, before, erased, expired_customers(station, before).count())


def daily_allowance(station: Station, now: datetime) -> int:
    """How many more customers the worker may erase now, given all that were erased within 24 hours.

    Erasures that a wrong clock dated further ahead do not count.
    """
    customers = Customer.objects.filter(station=station)
    erased = customers.filter(erased_at__gt=now - DAY, erased_at__lt=now + DAY).count()
    limit = max(DAILY_MINIMUM, int((customers.kept().count() + erased) * DAILY_SHARE))
    return max(0, limit - erased)


def first_retained_day(station: Station, now: datetime) -> date:
    """Today's day of the month at the station, `retention_months` earlier; the month's last day if it has no such day."""
    today = local_now(station, now).date()
    months = today.year * 12 + today.month - 1 - (station.retention_months or 0)
    year, month = max(months // 12, date.min.year), months % 12 + 1
    return date(year, month, min(today.day, calendar.monthrange(year, month)[1]))


def expired_customers(station: Station, before: date) -> CustomerQuerySet:
    """Customers whose last booking (of any status) ended before that day, or who have none and were created before it."""
    start = datetime.combine(before, time(0), station.zone)  # does not matter if the clock change skips it
    bookings = Booking.objects.filter(customer=OuterRef("pk"))
    ended = Exists(bookings) | Q(created_at__lt=start)
    return Customer.objects.kept().filter(ended, ~Exists(bookings.filter(ends_at__gte=start)), station=station)


def _erase(station: Station, before: date, limit: int = sys.maxsize) -> int:
    erased, started = 0, monotonic()
    while erased < limit and (count := _erase_batch(station, before, limit - erased)):
        erased += count
        # Pause for as long as the batch took, so that other writers get their turn.
        sleep(monotonic() - started)
        started = monotonic()
    return erased


@transaction.atomic
def _erase_batch(station: Station, before: date, limit: int = sys.maxsize) -> int:
    # Selected under the lock, since one of them may be booking at this moment.
    Station.objects.filter(pk=station.pk).locked().get()
    found = list(expired_customers(station, before).order_by("pk")[: min(BATCH_SIZE, limit)])
    for customer in found:
        customer.station = station
        erasure.erase_locked(customer, at=timezone.now(), by=roles.OPERATOR)
    return len(found)
