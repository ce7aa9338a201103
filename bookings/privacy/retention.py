"""Customers' data is kept for as long as their station says after their last booking, and then erased."""

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

AT_ONCE: Final = 20
"""In one transaction: their station waits meanwhile."""
DAILY_MINIMUM: Final = 20
DAILY_SHARE: Final = 0.05
"""What the worker may erase by itself within 24 hours at a station: so many customers, or that share of them if it is more. Where
its clock is wrong, people have days to notice."""
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a station's rule comes to: whose last booking ended before that local day is, or was, erased."""

    station: Station
    before: date
    erased: int
    left: int = 0
    """Whom the daily limit kept."""


def retain(now: datetime, *, dry_run: bool = False, is_limited: bool = False) -> Iterator[Kept]:
    """Every station that has a rule, in turn. A dry run counts the same and changes nothing; `is_limited` is for a process that
    nobody watches: it erases a small share a day, and begins once managers have had notice.

    Some at once, each lot a transaction of its own: killed, it goes on when it is called again, and two at once do no harm. It
    rests as long as it works, so that whoever else writes gets their turn.
    """
    for station in Station.objects.exclude(retention_months=None).order_by("code"):
        before = first_day_kept(station, now)
        if dry_run:
            yield Kept(station, before, overdue(station, before).count())
        elif is_limited:
            yield _erase_if_noticed(station, before, now)
        else:
            yield Kept(station, before, _erase(station, before))


def _erase_if_noticed(station: Station, before: date, now: datetime) -> Kept:
    due = overdue(station, before).count()
    if not due or not retention_notices.has_run(station, before, due, now):
        return Kept(station, before, 0)
    erased = _erase(station, before, allowance(station, now))
    return Kept(station, before, erased, overdue(station, before).count())


def allowance(station: Station, now: datetime) -> int:
    """How many more may be erased without a person's word, after those of the last 24 hours, whoever erased them. What a
    clock dated ahead that was wrong does not count."""
    theirs = Customer.objects.filter(station=station)
    erased = theirs.filter(erased_at__gt=now - DAY, erased_at__lt=now + DAY).count()
    most = max(DAILY_MINIMUM, int((theirs.kept().count() + erased) * DAILY_SHARE))
    return max(0, most - erased)


def first_day_kept(station: Station, now: datetime) -> date:
    """The same day of the month, so many months ago, by the station's calendar; the month's last where it has no such day."""
    today = local_now(station, now).date()
    months = today.year * 12 + today.month - 1 - (station.retention_months or 0)
    year, month = max(months // 12, date.min.year), months % 12 + 1
    return date(year, month, min(today.day, calendar.monthrange(year, month)[1]))


def overdue(station: Station, before: date) -> CustomerQuerySet:
    """Customers whose last booking, whatever became of it, ended before that day, or who never booked and were made before it."""
    start = datetime.combine(before, time(0), station.zone)  # one that spring skips is as good a limit as any
    theirs = Booking.objects.filter(customer=OuterRef("pk"))
    ended = Exists(theirs) | Q(created_at__lt=start)
    return Customer.objects.kept().filter(ended, ~Exists(theirs.filter(ends_at__gte=start)), station=station)


def _erase(station: Station, before: date, most: int = sys.maxsize) -> int:
    erased, began = 0, monotonic()
    while erased < most and (done := _erase_some(station, before, most - erased)):
        erased += done
        sleep(monotonic() - began)
        began = monotonic()
    return erased


@transaction.atomic
def _erase_some(station: Station, before: date, most: int = sys.maxsize) -> int:
    """Asked again under the lock: somebody may just be booking."""
    Station.objects.filter(pk=station.pk).locked().get()
    found = list(overdue(station, before).order_by("pk")[: min(AT_ONCE, most)])
    for customer in found:
        customer.station = station
        erasure.forget(customer, at=timezone.now(), by=roles.OPERATOR)
    return len(found)
