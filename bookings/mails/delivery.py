"""The worker: takes what is due, sends it, and marks what became of it.

A mail is taken under a lease, and the mails of one booking one after the other. What it says is settled then and kept, so that
whoever takes it up after a crash says the same under the same Message-ID. It is marked only once the mail server has said yes:
between the two lies the one window in which a customer may get the same message twice.
"""

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
from bookings.mails.rules import left_to_say
from bookings.models import Booking, Mail
from bookings.models.mail_state import OPEN, Kind, Problem, Standing, State
from bookings.models.status import REMINDED
from bookings.operations import clock_check
from bookings.services import contacts
from bookings.services.contacts import Recipient
from core import error_text
from core.db import advisory_locks
from core.mail.smtp import Envelope, Outcome, SmtpTransport

log = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=3)
"""For all until the message leaves, and again from there."""
MARK_AGAIN_SECONDS: Final = 2.0
FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(hours=2)
MOST_ATTEMPTS: Final = 16
"""With waits that double up to the longest: some 20 hours."""
FOR_GOOD: Final = {
    Outcome.REFUSED: (State.FAILED, Problem.REFUSED),
    Outcome.NO_SUCH_ADDRESS: (State.UNREACHED, Problem.BOUNCED),
}
SPREAD: Final = timedelta(minutes=15)
"""Within which mails are tried again that a limit holds back."""
LATER: Final = timedelta(minutes=5)
"""When to look again at a booking that has lost its place, for there is nothing to tell until it has another."""


def deliver_next(transport: SmtpTransport, *, now: Callable[[], datetime] = timezone.now) -> Outcome | None:
    """Send the mail that is longest due; None where nothing is."""
    taken = take(now())
    if taken is None:
        return None
    mail, envelope = taken
    outcome = transport.send(envelope, lambda: _is_still_ours(mail, now()))
    delivery_log.record(mail, outcome.value, reply=transport.reply)
    _mark(mail, outcome, now)
    return outcome


def count_due(now: datetime, *, at_most: int) -> int:
    return Mail.objects.due(now)[:at_most].count()


def take(now: datetime) -> tuple[Mail, Envelope] | None:
    """The mail that is longest due, with a lease on it; what turns out to be needless is withdrawn on the way."""
    passed_over: list[UUID] = []
    while Mail.objects.due(now).exclude(pk__in=passed_over).exists():
        # Only then a transaction, which on SQLite keeps every other writer waiting.
        with transaction.atomic():
            mail = Mail.objects.due(now).exclude(pk__in=passed_over).taken_by_one().first()
            if mail is None:
                return None
            if not _is_next_of_its_booking(mail):
                passed_over.append(mail.pk)
            elif envelope := _letter(mail, now):
                mail.state, mail.lease, mail.due_at = State.SENDING, uuid4(), now + LEASE
                mail.save(update_fields=["kind", "state", "problem", "lease", "due_at", "said", "message"])
                return mail, envelope
    return None


def _is_next_of_its_booking(mail: Mail) -> bool:
    """Whether nobody else takes, or has taken, another mail of the booking since this one was found.

    `due` cannot see what another worker takes in the same moment: its own row is locked, and not yet marked.
    """
    if not advisory_locks.try_lock(f"emails of booking {mail.booking_id}"):
        return False
    return not Mail.objects.filter(booking=mail.booking_id, state=State.SENDING).exclude(pk=mail.pk).exists()


def _letter(mail: Mail, now: datetime) -> Envelope | None:
    """What is to be sent; None where there is nothing, and the mail is settled. One that cannot be written, for whatever
    reason, fails by itself: the others go.
    """
    try:
        return _again(mail, now) if mail.state == State.SENDING else _write(mail, now)
    except Error:
        raise
    except Exception as error:
        log.error("Mail %s cannot be written: %s.", mail.pk, error_text.describe_error(error))
        delivery_log.record(mail, delivery_log.UNWRITTEN)
        mail.end(State.FAILED, Problem.UNKNOWN if mail.state == State.SENDING else Problem.UNWRITTEN)
        return None


def _again(mail: Mail, now: datetime) -> Envelope | None:
    """To the envelope what may have been said already: by a worker that was killed, or to a server that fell silent."""
    booking = Booking.objects.defer("special_requests").select_related("station").get(pk=mail.booking_id)
    needless = _needless_reminder(mail, booking, now) if mail.kind == Kind.REMINDER else _over(booking, now)
    if needless and _is_in_doubt(needless):
        _put_off(mail, now)
        return None
    if needless:
        delivery_log.record(mail, delivery_log.WITHDRAWN, problem=needless)
        mail.end(State.WITHDRAWN, needless)
        return None
    mail.problem = Problem.UNKNOWN
    return rendering.envelope_of(mail.message or "")


def _write(mail: Mail, now: datetime) -> Envelope | None:
    """The envelope that the booking asks for as it is now."""
    booking = Booking.objects.select_related("station", "customer").get(pk=mail.booking_id)
    if booking.needs_place and booking.ends_at > now:
        _put_off(mail, now)
        return None
    kind, needless = _still_due(mail, booking, now)
    if kind is None and _is_in_doubt(needless):
        _put_off(mail, now)
        return None
    if kind is None:
        _withdraw(mail, needless)
        return None
    mail.kind = kind
    customer, to = booking.customer, contacts.recipient(booking)
    if customer is None or not to.can_be_emailed:
        _end_unreached(mail, to)
        return None
    text = rendering.message(mail, booking, customer, now=now, email=to.email).as_bytes().decode("ascii")
    envelope = rendering.envelope_of(text)
    if reached := limits.claim(mail, envelope.recipient, now):
        _hold_back(mail, reached)
        return None
    mail.said, mail.message = Standing.of(booking).as_json(), text
    return envelope


def _hold_back(mail: Mail, reached: limits.Reached) -> None:
    """To one address no more is sent: who floods it would else do so tomorrow. A station's mails wait, not all for one moment."""
    delivery_log.record(mail, delivery_log.LIMITED, problem=reached.problem)
    if reached.problem is Problem.TOO_MANY:
        mail.end(State.FAILED, Problem.TOO_MANY)
    else:
        until = reached.until + random.uniform(0, 1) * SPREAD  # noqa: S311  # nosec B311  # no secret
        mail.wait(until=until, attempts=mail.attempts, problem=reached.problem)


def _put_off(mail: Mail, now: datetime) -> None:
    Mail.objects.filter(pk=mail.pk).update(due_at=now + LATER)


def _is_in_doubt(needless: Problem) -> bool:
    """Whether a booking only seems to be over, by a clock that may be ahead: its mail would be lost."""
    return needless is Problem.OVER and bool(clock_check.doubt())


def _withdraw(mail: Mail, needless: Problem) -> None:
    """A reminder leaves no trace: should its start come back, it is due again."""
    delivery_log.record(mail, delivery_log.WITHDRAWN, problem=needless)
    if mail.kind == Kind.REMINDER:
        mail.delete()
    else:
        mail.end(State.WITHDRAWN, needless)


def _still_due(mail: Mail, booking: Booking, now: datetime) -> tuple[Kind | None, Problem]:
    if mail.kind == Kind.REMINDER:
        needless = _needless_reminder(mail, booking, now)
        return (None, needless) if needless else (Kind.REMINDER, Problem.NONE)
    if needless := _over(booking, now):
        return None, needless
    return left_to_say(mail.known_state, Standing.of(booking)), Problem.UNDONE


def _over(booking: Booking, now: datetime) -> Problem:
    return Problem.OVER if booking.ends_at <= now else Problem.NONE


def _needless_reminder(mail: Mail, booking: Booking, now: datetime) -> Problem:
    """Why nobody is to be reminded after all; NONE where they are. A server that was away may have held it for days."""
    station = booking.station
    as_it_was = booking.status in REMINDED and booking.starts_at == mail.reminds_of and not booking.needs_place
    if not (as_it_was and station.is_active and station.reminder_hours):
        return Problem.CHANGED
    return Problem.OVER if booking.starts_at <= now else Problem.NONE


def _end_unreached(mail: Mail, to: Recipient) -> None:
    """Nobody was promised the first mail by an address that was never given; of a change somebody has to tell them."""
    problem = Problem.BOUNCED if to.email else Problem.NO_ADDRESS
    needless = mail.kind == Kind.REMINDER or (mail.kind in (Kind.MADE, Kind.CONFIRMED) and not to.bounced)
    delivery_log.record(mail, delivery_log.WITHDRAWN if needless else delivery_log.UNREACHED, problem=problem)
    mail.end(State.WITHDRAWN if needless else State.UNREACHED, problem)


def _is_still_ours(mail: Mail, now: datetime) -> bool:
    """Whether the lease has not passed to another, asked before the message leaves; and the whole lease for what follows.

    A computer that slept over its mail, or a server that let each answer wait, must not send what another has sent.
    """
    mine = Mail.objects.filter(pk=mail.pk, state=State.SENDING, lease=mail.lease)
    return bool(mine.update(due_at=now + LEASE))


def _mark(mail: Mail, outcome: Outcome, now: Callable[[], datetime]) -> None:
    """Settle it, for as long as the lease lasts: a mark that is lost to a database away for a moment is a second mail."""
    until = time.monotonic() + LEASE.total_seconds()
    while True:
        try:
            settle(mail, outcome, now())
        except Error as error:
            if time.monotonic() >= until:
                raise
            log.warning(
                "Mail %s is %s, and cannot be marked so yet: %s.",
                mail.pk,
                outcome.name,
                error_text.describe_error(error),
            )
            connection.close()
            time.sleep(MARK_AGAIN_SECONDS)
        else:
            return


def settle(mail: Mail, outcome: Outcome, now: datetime) -> None:
    """Mark what became of an attempt, unless its lease has passed to another."""
    if outcome is Outcome.NO_SUCH_ADDRESS:
        _note_bounce(mail)
    if outcome in (Outcome.SENT, Outcome.UNKNOWN):
        remember_organizer(mail)
    with transaction.atomic():
        on_their_way = list(Mail.objects.filter(booking=mail.booking_id, state__in=OPEN).locked())
        mine = next((one for one in on_their_way if one.pk == mail.pk and one.lease == mail.lease), None)
        if mine is None:
            log.warning(
                "Mail %s was taken up by another worker before it could be marked as %s.", mail.pk, outcome.name
            )
        elif outcome is Outcome.SENT:
            mine.end(State.SENT)
        elif mine.problem == Problem.UNKNOWN or outcome is Outcome.UNKNOWN:
            _settle_unknown(mine, outcome, _newer(mine, on_their_way), now)
        else:
            _settle_unsent(mine, outcome, _newer(mine, on_their_way), now)


def _newer(mail: Mail, on_their_way: Sequence[Mail]) -> Mail | None:
    """The mail that waits to tell of a later change. A reminder tells of none."""
    waiting = (one for one in on_their_way if one.state == State.WAITING and one.kind != Kind.REMINDER)
    return None if mail.kind == Kind.REMINDER else next(waiting, None)


def _settle_unknown(mail: Mail, outcome: Outcome, newer: Mail | None, now: datetime) -> None:
    """The customer may know: it stays said as it was, until the server says yes, or there is nobody at the address."""
    attempts = mail.attempts + (outcome is not Outcome.UNAVAILABLE)
    if outcome in FOR_GOOD or attempts >= MOST_ATTEMPTS:
        if newer:  # begins from what this one may have said
            mail.end(State.WITHDRAWN, Problem.MERGED)
        else:
            if outcome not in FOR_GOOD:
                delivery_log.record(mail, delivery_log.GIVEN_UP, problem=Problem.UNKNOWN)
            unreached = outcome is Outcome.NO_SUCH_ADDRESS
            mail.end(*FOR_GOOD[outcome] if unreached else (State.FAILED, Problem.UNKNOWN))
        return
    mail.problem, mail.attempts, mail.lease = Problem.UNKNOWN, attempts, None
    mail.due_at = now + wait_after(max(attempts, 1))
    mail.save(update_fields=["problem", "attempts", "lease", "due_at"])


def _settle_unsent(mail: Mail, outcome: Outcome, newer: Mail | None, now: datetime) -> None:
    """Nobody has heard of it. A server that is away is nobody's fault but its own, and no attempt."""
    limits.release(mail)
    attempts = mail.attempts + (outcome is not Outcome.UNAVAILABLE)
    if newer:
        _merge(mail, newer)
    elif outcome in FOR_GOOD:
        mail.end(*FOR_GOOD[outcome])
    elif attempts >= MOST_ATTEMPTS:
        delivery_log.record(mail, delivery_log.GIVEN_UP, problem=Problem.DELAYED)
        mail.end(State.FAILED, Problem.DELAYED)
    else:
        away = outcome is Outcome.UNAVAILABLE
        until, problem = (now, Problem.AWAY) if away else (now + wait_after(attempts), Problem.DELAYED)
        mail.wait(until=until, attempts=attempts, problem=problem)


def _merge(mail: Mail, newer: Mail) -> None:
    """The booking has changed since: the newer mail says it all, from where this one began."""
    mail.end(State.WITHDRAWN, Problem.MERGED)
    newer.known = mail.known
    newer.save(update_fields=["known"])


def wait_after(attempts: int) -> timedelta:
    """Longer with each attempt, and by chance up to half as long again, so that not all come back at once."""
    growing: timedelta = FIRST_WAIT * 2 ** (attempts - 1)
    return min(growing, LONGEST_WAIT) * random.uniform(1, 1.5)  # noqa: S311  # nosec B311  # no secret


def _note_bounce(mail: Mail) -> None:
    """It is the address that the envelope went to that does not work; the customer may have another by now."""
    booking = Booking.objects.defer("special_requests").select_related("customer").get(pk=mail.booking_id)
    contacts.mark_bounced(booking, rendering.envelope_of(mail.message or "").recipient)
