"""Notices to a station's managers before its retention rule erases customers for the first time."""

import logging
from datetime import date, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction

from accounts import roles
from accounts.auth import account_emails
from accounts.auth.models import EmailKind
from accounts.models import AuditEntry, User
from bookings.models import RetentionNotice
from stations.models import Station
from stations.timetable import local_now

log = logging.getLogger(__name__)

CLOCK_TOLERANCE: Final = timedelta(hours=1)
"""A notice dated further ahead was sent while the clock was wrong: its notice period starts again."""


@transaction.atomic
def has_run(station: Station, before: date, customers: int, now: datetime) -> bool:
    """Whether the notice period of RETENTION_NOTICE_DAYS has passed, so that customers may be erased.

    `customers` is the number of customers that are due: their last booking ended before the day `before`. The notice is
    queued if there is none yet, if it was for a longer retention period, or if the mail server accepted none of its emails
    within their lifetime. The station is locked, so that only one of several workers queues it.
    """
    Station.objects.filter(pk=station.pk).locked().get()
    notice = RetentionNotice.objects.filter(station=station).first()
    if notice is None or notice.months > (station.retention_months or 0) or _is_lost(notice, now):
        _send(station, before, customers, now)
        return False
    if notice.sent_at and notice.sent_at > now + CLOCK_TOLERANCE:
        notice.sent_at = now
        notice.save(update_fields=["sent_at"])
    return notice.sent_at is not None and now >= notice.sent_at + notice_period()


def notice_period() -> timedelta:
    return timedelta(days=settings.RETENTION_NOTICE_DAYS)


def mark_sent(station_id: int, now: datetime) -> None:
    """Start the notice period: the mail server accepted the email to a manager of this station."""
    RetentionNotice.objects.filter(station=station_id, sent_at=None).update(sent_at=now)


def withdraw_unneeded() -> None:
    """Delete notices of stations without a retention rule, so that a new rule is announced again."""
    RetentionNotice.objects.filter(station__retention_months=None).delete()


def _is_lost(notice: RetentionNotice, now: datetime) -> bool:
    """Whether all emails to managers have expired unsent."""
    return notice.sent_at is None and abs(now - notice.created_at) > account_emails.LIFETIME


def _send(station: Station, before: date, customers: int, now: datetime) -> None:
    """Queue an email to each manager, and record the notice in the audit log and the log.

    If nobody can be emailed, the notice period starts now.
    """
    managers = _managers(station) if settings.MAIL_SERVER else []
    months = station.retention_months or 0
    RetentionNotice.objects.update_or_create(
        station=station,
        defaults={
            "months": months,
            "customers": customers,
            "created_at": now,
            "sent_at": None if managers else now,
        },
    )
    erase_from = local_now(station, now + notice_period()).date()
    for manager in managers:
        account_emails.queue(
            manager,
            EmailKind.RETENTION_NOTICE,
            station_id=station.pk,
            station=station.name,
            country=station.country,
            months=months,
            customers=customers,
            before=before.isoformat(),
            erase_from=erase_from.isoformat(),
        )
    AuditEntry.objects.log_create(
        station,
        action=AuditEntry.Action.UPDATE,
        changes={"customers_due": [None, customers], "erased_from": [None, erase_from.isoformat()]},
        event="retention_notice",
    )
    log.warning(
        "%d customers of station %s will be erased from %s on: their retention period has ended. %d managers get an email.",
        customers,
        station.code,
        erase_from,
        len(managers),
    )


def _managers(station: Station) -> list[User]:
    """Users of the station who may change its retention rule, or all superusers if there are none."""
    active = User.objects.filter(is_active=True).exclude(email="")
    managers = [user for user in active.filter(stations=station) if user.has_perm(roles.MANAGE)]
    return managers or list(active.filter(is_superuser=True))
