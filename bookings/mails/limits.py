"""Limits on emails, so that nobody uses the product to flood a stranger: to one mailbox in a day, from one station in an hour.

A mail counts from the moment a worker takes it, unless it turns out that the mail server did not. Windows slide: there is no hour
at which twice as many may go. Counting is exact over all workers, for they take turns for the same station or mailbox.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from accounts.auth.rate_limits import hash_key
from bookings.models import CountedMail, Mail
from bookings.models.mail_state import Problem
from core.db import advisory_locks

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
ONE_MAILBOX: Final = ("gmail.com", "googlemail.com")
"""Domains of one provider that ignores dots in the local part."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A limit that a mail would exceed, and when it no longer would."""

    problem: Problem
    until: datetime


def claim(mail: Mail, address: str, now: datetime) -> Reached | None:
    """Count the mail, or say which limit is reached. `address` is in ASCII, as a mail server is told it.

    Called in the transaction in which the mail is taken. What is dated ahead by more than a window, by a clock that was wrong,
    does not count.
    """
    recipient = recipient_key(address)
    advisory_locks.lock(f"emails of station {mail.station_id}", f"emails to {recipient.hex()}")
    for problem, limit, window, counted in (
        (Problem.TOO_MANY, settings.MAIL_DAILY_LIMIT_PER_RECIPIENT, DAY, {"recipient": recipient}),
        (Problem.HOURLY_LIMIT, settings.MAIL_HOURLY_LIMIT_PER_STATION, HOUR, {"station": mail.station_id}),
    ):
        latest = CountedMail.objects.filter(handed_at__gt=now - window, handed_at__lte=now + window, **counted)
        handed = latest.order_by("-handed_at").values_list("handed_at", flat=True)
        if first := handed[limit - 1 : limit].first():
            return Reached(problem, min(first, now) + window)
    CountedMail.objects.create(mail=mail, station_id=mail.station_id, recipient=recipient, handed_at=now)
    return None


def release(mail: Mail) -> None:
    """Take back the latest count of a mail: the mail server did not take it."""
    latest = CountedMail.objects.filter(mail=mail.pk).order_by("-handed_at").values_list("pk", flat=True)[:1]
    CountedMail.objects.filter(pk__in=list(latest)).delete()


def forget(now: datetime) -> None:
    """Delete what no longer counts, and what a wrong clock dated ahead."""
    CountedMail.objects.exclude(handed_at__range=(now - DAY, now + DAY)).delete()


def recipient_key(address: str) -> bytes:
    """A keyed hash of the mailbox: without case, a `+tag`, and dots where the provider ignores them."""
    local, _at, domain = address.lower().rpartition("@")
    local = local.partition("+")[0] or local
    if domain in ONE_MAILBOX:
        local, domain = local.replace(".", ""), ONE_MAILBOX[0]
    return bytes.fromhex(hash_key(f"recipient {local}@{domain}"))
