"""Limits on the emails to one mailbox in a day and from one station in an hour, so that nobody can flood a stranger."""

# An email counts from when a worker takes it, unless the mail server turns out not to have taken it. The windows slide,
# so that at no time twice as many can be sent. Counts are exact over all workers, which take turns per station and per
# mailbox.

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
GMAIL_DOMAINS: Final = ("gmail.com", "googlemail.com")
"""Domains with the same mailboxes, of a provider that ignores dots in the local part."""


@dataclass(frozen=True, slots=True)
class LimitReached:
    """The limit that an email would exceed, and when it no longer would."""

    problem: Problem
    until: datetime


def claim(mail: Mail, address: str, now: datetime) -> LimitReached | None:
    """Count the email, or return the limit that is reached. `address` has an ASCII domain.

    Call it in the transaction in which the email is leased. Emails dated further ahead than a window, because a clock was wrong,
    do not count.
    """
    recipient = recipient_key(address)
    advisory_locks.lock(f"emails of station {mail.station_id}", f"emails to {recipient.hex()}")
    for problem, limit, window, counted in (
        (Problem.TOO_MANY, settings.MAIL_DAILY_LIMIT_PER_RECIPIENT, DAY, {"recipient": recipient}),
        (Problem.HOURLY_LIMIT, settings.MAIL_HOURLY_LIMIT_PER_STATION, HOUR, {"station": mail.station_id}),
    ):
        recent = CountedMail.objects.filter(handed_at__gt=now - window, handed_at__lte=now + window, **counted)
        times = recent.order_by("-handed_at").values_list("handed_at", flat=True)
        if oldest := times[limit - 1 : limit].first():
            return LimitReached(problem, min(oldest, now) + window)
    CountedMail.objects.create(mail=mail, station_id=mail.station_id, recipient=recipient, handed_at=now)
    return None


def release(mail: Mail) -> None:
    """Undo the latest count of an email that the mail server did not take."""
    latest = CountedMail.objects.filter(mail=mail.pk).order_by("-handed_at").values_list("pk", flat=True)[:1]
    CountedMail.objects.filter(pk__in=list(latest)).delete()


def delete_expired(now: datetime) -> None:
    """Delete counts outside of all windows, in the past or, because a clock was wrong, in the future."""
    CountedMail.objects.exclude(handed_at__range=(now - DAY, now + DAY)).delete()


def recipient_key(address: str) -> bytes:
    """A keyed hash of the mailbox, ignoring case, a `+tag`, and dots if the provider ignores them."""
    local, _at, domain = address.lower().rpartition("@")
    local = local.partition("+")[0] or local
    if domain in GMAIL_DOMAINS:
        local, domain = local.replace(".", ""), GMAIL_DOMAINS[0]
    return bytes.fromhex(hash_key(f"recipient {local}@{domain}"))
