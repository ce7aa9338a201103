"""Sends the emails to customers that are due, and records what became of each."""

# An email is sent under a lease, and those of one booking one after the other. Its text is rendered and stored when the
# lease is taken, so that a worker that takes over after a crash sends the same message under the same Message-ID. It is
# marked as sent only after the mail server has accepted it: only a crash between the two can send a customer the same
# message twice.

import logging
import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from django.db import Error, connection, transaction
from django.utils import timezone

from bookings.mails import delivery_log, limits, rendering
from bookings.mails.organizers import remember_organizer
from bookings.mails.rules import pending_notification
from bookings.models import Booking, Mail
from bookings.models.mail_state import OPEN, BookingSnapshot, Kind, Problem, State
from bookings.models.status import REMINDED
from bookings.operations import clock_check
from bookings.services import contacts
from bookings.services.contacts import Recipient
from core import error_text
from core.db import advisory_locks
from core.mail.smtp import Envelope, Outcome, SmtpTransport

log = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=3)
"""For everything up to the sending of the message, and once more from there."""
SETTLE_RETRY_SECONDS: Final = 2.0
MIN_BACKOFF: Final = timedelta(seconds=30)
MAX_BACKOFF: Final = timedelta(hours=2)
MAX_ATTEMPTS: Final = 16
"""With waits that double up to MAX_BACKOFF: about 20 hours."""
PERMANENT_FAILURES: Final = {
    Outcome.REFUSED: (State.FAILED, Problem.REFUSED),
    Outcome.NO_SUCH_ADDRESS: (State.UNREACHED, Problem.BOUNCED),
}
LIMIT_JITTER: Final = timedelta(minutes=15)
"""Emails that a limit holds back are tried again within this time after the limit ends."""
RECHECK_AFTER: Final = timedelta(minutes=5)
"""When to look again at an email that cannot be settled yet, such as that of an unassigned booking."""


def deliver_next(transport: SmtpTransport, *, now: Callable[[], datetime] = timezone.now) -> Outcome | None:
    """Send the email that has been due longest; return None if none is due."""
    leased = lease_next(now())
    if leased is None:
        return None
    mail, envelope = leased
    outcome = transport.send(envelope, lambda: _renew_lease(mail, now()))
    delivery_log.record(mail, outcome.value, reply=transport.reply)
    _settle_with_retries(mail, outcome, now)
    return outcome


def count_due(now: datetime, *, at_most: int) -> int:
    return Mail.objects.due(now)[:at_most].count()


def lease_next(now: datetime) -> tuple[Mail, Envelope] | None:
    """Lease the email that has been due longest, and render it. Emails that turn out to be unnecessary are withdrawn."""
    skipped: list[UUID] = []
    while Mail.objects.due(now).exclude(pk__in=skipped).exists():
        # On SQLite a transaction keeps all other writers waiting, so it is only begun if there is something to do.
        with transaction.atomic():
            mail = Mail.objects.due(now).exclude(pk__in=skipped).taken_by_one().first()
            if mail is None:
                return None
            if not _is_next_of_booking(mail):
                skipped.append(mail.pk)
            elif envelope := _prepare(mail, now):
                mail.state, mail.lease, mail.due_at = State.SENDING, uuid4(), now + LEASE
                mail.save(update_fields=["kind", "state", "problem", "lease", "due_at", "said", "message"])
                return mail, envelope
    return None


def _is_next_of_booking(mail: Mail) -> bool:
    """Whether no other worker is sending, or about to send, another email of the booking.

    The `due` query cannot see what another worker leases at the same moment: that row is locked, but not yet marked.
    """
    if not advisory_locks.try_lock(f"emails of booking {mail.booking_id}"):
        return False
    return not Mail.objects.filter(booking=mail.booking_id, state=State.SENDING).exclude(pk=mail.pk).exists()


def _prepare(mail: Mail, now: datetime) -> Envelope | None:
    """Return what is to be sent, or None if nothing is and the email is settled or postponed.

    An email that cannot be rendered, for whatever reason, fails by itself, and does not keep the others from being sent.
    """
    try:
        return _resume(mail, now) if mail.state == State.SENDING else _render(mail, now)
    except Error:
        raise
    except Exception as error:
        log.error("Mail %s could not be rendered: %s.", mail.pk, error_text.describe_error(error))
        delivery_log.record(mail, delivery_log.UNWRITTEN)
        mail.end(State.FAILED, Problem.UNKNOWN if mail.state == State.SENDING else Problem.UNWRITTEN)
        return None


def _resume(mail: Mail, now: datetime) -> Envelope | None:
    """Return the stored message of an email that may have been sent already, by a killed worker or to a server that hung."""
    booking = Booking.objects.defer("special_requests").select_related("station").get(pk=mail.booking_id)
    reason = _obsolete_reminder(mail, booking, now) if mail.kind == Kind.REMINDER else _ended(booking, now)
    if reason and _is_doubtful(reason):
        _postpone(mail, now)
        return None
    if reason:
        delivery_log.record(mail, delivery_log.WITHDRAWN, problem=reason)
        mail.end(State.WITHDRAWN, reason)
        return None
    mail.problem = Problem.UNKNOWN
    return rendering.envelope_of(mail.message or "")


def _render(mail: Mail, now: datetime) -> Envelope | None:
    """Render the email that the booking calls for as it is now."""
    booking = Booking.objects.select_related("station", "customer").get(pk=mail.booking_id)
    if booking.needs_place and booking.ends_at > now:
        _postpone(mail, now)  # there is nothing to tell until the booking has a slot again
        return None
    kind, reason = _still_due(mail, booking, now)
    if kind is None and _is_doubtful(reason):
        _postpone(mail, now)
        return None
    if kind is None:
        _withdraw(mail, reason)
        return None
    mail.kind = kind
    customer, to = booking.customer, contacts.recipient(booking)
    if customer is None or not to.can_be_emailed:
        _settle_unreachable(mail, to)
        return None
    text = rendering.build_message(mail, booking, customer, now=now, email=to.email).as_bytes().decode("ascii")
    envelope = rendering.envelope_of(text)
    if reached := limits.claim(mail, envelope.recipient, now):
        _hold_back(mail, reached)
        return None
    mail.said, mail.message = BookingSnapshot.of(booking).as_json(), text
    return envelope


def _hold_back(mail: Mail, reached: limits.LimitReached) -> None:
    """Fail an email that is one too many for its recipient, or postpone one that is too many for its station.

    If the former were postponed, too, flooding an address would continue the next day.
    """
    delivery_log.record(mail, delivery_log.LIMITED, problem=reached.problem)
    if reached.problem is Problem.TOO_MANY:
        mail.end(State.FAILED, Problem.TOO_MANY)
    else:
        until = reached.until + random.uniform(0, 1) * LIMIT_JITTER  # noqa: S311  # nosec B311  # no secret
        mail.wait(until=until, attempts=mail.attempts, problem=reached.problem)


def _postpone(mail: Mail, now: datetime) -> None:
    Mail.objects.filter(pk=mail.pk).update(due_at=now + RECHECK_AFTER)


def _is_doubtful(reason: Problem) -> bool:
    """Whether a booking may only seem to have ended because the clock is wrong: its email would be lost."""
    return reason is Problem.OVER and bool(clock_check.doubt())


def _withdraw(mail: Mail, reason: Problem) -> None:
    delivery_log.record(mail, delivery_log.WITHDRAWN, problem=reason)
    if mail.kind == Kind.REMINDER:
        mail.delete()  # if the booking is moved back to the same start, a new one is due
    else:
        mail.end(State.WITHDRAWN, reason)


def _still_due(mail: Mail, booking: Booking, now: datetime) -> tuple[Kind | None, Problem]:
    """Return which email to send, or None and the reason why there is none left to send."""
    if mail.kind == Kind.REMINDER:
        reason = _obsolete_reminder(mail, booking, now)
        return (None, reason) if reason else (Kind.REMINDER, Problem.NONE)
    if reason := _ended(booking, now):
        return None, reason
    return pending_notification(mail.known_state, BookingSnapshot.of(booking)), Problem.UNDONE


def _ended(booking: Booking, now: datetime) -> Problem:
    return Problem.OVER if booking.ends_at <= now else Problem.NONE


def _obsolete_reminder(mail: Mail, booking: Booking, now: datetime) -> Problem:
    """Return why the reminder is not to be sent, or NONE. It may have waited for the mail server for days."""
    station = booking.station
    is_unchanged = booking.status in REMINDED and booking.starts_at == mail.reminds_of and not booking.needs_place
    if not (is_unchanged and station.is_active and station.reminder_hours):
        return Problem.CHANGED
    return Problem.OVER if booking.starts_at <= now else Problem.NONE


def _settle_unreachable(mail: Mail, to: Recipient) -> None:
    """Settle an email to a customer without a working address.

    A first email to an address that was never given is not missed by anybody, but somebody has to tell them of a change.
    """
    problem = Problem.BOUNCED if to.email else Problem.NO_ADDRESS
    is_dispensable = mail.kind == Kind.REMINDER or (mail.kind in (Kind.MADE, Kind.CONFIRMED) and not to.bounced)
    delivery_log.record(mail, delivery_log.WITHDRAWN if is_dispensable else delivery_log.UNREACHED, problem=problem)
    mail.end(State.WITHDRAWN if is_dispensable else State.UNREACHED, problem)


def _renew_lease(mail: Mail, now: datetime) -> bool:
    """Renew the lease right before the message is sent; return False if another worker has taken it over.

    A computer that was suspended, or a mail server that is slow to answer, must not send what another worker has sent.
    """
    leased = Mail.objects.filter(pk=mail.pk, state=State.SENDING, lease=mail.lease)
    return bool(leased.update(due_at=now + LEASE))


def _settle_with_retries(mail: Mail, outcome: Outcome, now: Callable[[], datetime]) -> None:
    """Settle an email, and try again for as long as the lease lasts if the database is unavailable.

    If the result is lost, the email is sent twice.
    """
    until = time.monotonic() + LEASE.total_seconds()
    while True:
        try:
            settle(mail, outcome, now())
        except Error as error:
            if time.monotonic() >= until:
                raise
            log.warning(
                "The outcome of mail %s (%s) could not be saved yet: %s.",
                mail.pk,
                outcome,
                error_text.describe_error(error),
            )
            connection.close()
            time.sleep(SETTLE_RETRY_SECONDS)
        else:
            return


def settle(mail: Mail, outcome: Outcome, now: datetime) -> None:
    """Record the outcome of an attempt, unless another worker has taken over the lease."""
    if outcome is Outcome.NO_SUCH_ADDRESS:
        _record_bounce(mail)
    if outcome in (Outcome.SENT, Outcome.UNKNOWN):
        remember_organizer(mail)
    with transaction.atomic():
        open_mails = list(Mail.objects.filter(booking=mail.booking_id, state__in=OPEN).locked())
        current = next((one for one in open_mails if one.pk == mail.pk and one.lease == mail.lease), None)
        if current is None:
            log.warning("Another worker took over mail %s before its outcome (%s) could be saved.", mail.pk, outcome)
        elif outcome is Outcome.SENT:
            current.end(State.SENT)
        elif current.problem == Problem.UNKNOWN or outcome is Outcome.UNKNOWN:
            _settle_unknown(current, outcome, _newer(current, open_mails), now)
        else:
            _settle_unsent(current, outcome, _newer(current, open_mails), now)


def _newer(mail: Mail, open_mails: Sequence[Mail]) -> Mail | None:
    """The waiting email about a later change, if there is one."""
    waiting = (one for one in open_mails if one.state == State.WAITING and one.kind != Kind.REMINDER)
    return None if mail.kind == Kind.REMINDER else next(waiting, None)


def _settle_unknown(mail: Mail, outcome: Outcome, newer: Mail | None, now: datetime) -> None:
    """Settle an email that may have been sent: try the same message again until the server accepts it or refuses the address."""
    attempts = mail.attempts + (outcome is not Outcome.UNAVAILABLE)
    if outcome in PERMANENT_FAILURES or attempts >= MAX_ATTEMPTS:
        if newer:  # it assumes that the customer has read this one
            mail.end(State.WITHDRAWN, Problem.MERGED)
        else:
            if outcome not in PERMANENT_FAILURES:
                delivery_log.record(mail, delivery_log.GIVEN_UP, problem=Problem.UNKNOWN)
            unreached = outcome is Outcome.NO_SUCH_ADDRESS
            mail.end(*PERMANENT_FAILURES[outcome] if unreached else (State.FAILED, Problem.UNKNOWN))
        return
    mail.problem, mail.attempts, mail.lease = Problem.UNKNOWN, attempts, None
    mail.due_at = now + backoff(max(attempts, 1))
    mail.save(update_fields=["problem", "attempts", "lease", "due_at"])


def _settle_unsent(mail: Mail, outcome: Outcome, newer: Mail | None, now: datetime) -> None:
    """Settle an email that was not sent. A server that is unavailable does not count as an attempt."""
    limits.release(mail)
    attempts = mail.attempts + (outcome is not Outcome.UNAVAILABLE)
    if newer:
        _merge(mail, newer)
    elif outcome in PERMANENT_FAILURES:
        mail.end(*PERMANENT_FAILURES[outcome])
    elif attempts >= MAX_ATTEMPTS:
        delivery_log.record(mail, delivery_log.GIVEN_UP, problem=Problem.DELAYED)
        mail.end(State.FAILED, Problem.DELAYED)
    else:
        is_unavailable = outcome is Outcome.UNAVAILABLE
        until, problem = (now, Problem.AWAY) if is_unavailable else (now + backoff(attempts), Problem.DELAYED)
        mail.wait(until=until, attempts=attempts, problem=problem)


def _merge(mail: Mail, newer: Mail) -> None:
    """Replace an email that was not sent by a newer one, which then covers both changes."""
    mail.end(State.WITHDRAWN, Problem.MERGED)
    newer.known = mail.known
    newer.save(update_fields=["known"])


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many attempts: twice as long each time, plus up to half of it at random to spread the load."""
    doubled: timedelta = MIN_BACKOFF * 2 ** (attempts - 1)
    return min(doubled, MAX_BACKOFF) * random.uniform(1, 1.5)  # noqa: S311  # nosec B311  # no secret


def _record_bounce(mail: Mail) -> None:
    """Mark the address that the message was sent to as bounced; the customer may have another one by now."""
    booking = Booking.objects.defer("special_requests").select_related("customer").get(pk=mail.booking_id)
    contacts.mark_bounced(booking, rendering.envelope_of(mail.message or "").recipient)
