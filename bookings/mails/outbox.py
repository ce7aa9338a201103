"""The outbox: emails to customers, queued in the transaction of the change that they announce."""

# A booking has at most one waiting email. It stores what the customer knows so far, and no text: the text is rendered
# when a worker takes it (`bookings.mails.delivery`). So a change that is undone in time sends no email, and ten moves
# send one.

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from bookings.mails.rules import carry_over, pending_notification
from bookings.models import Booking, Mail
from bookings.models.mail_state import OPEN, UNDELIVERED, BookingSnapshot, Kind, Problem, State
from bookings.models.status import Status
from core.db import sql

Unsettled = Callable[[], Sequence[Mail]]
"""Returns the answer to `prefetch_unsettled`."""

WITHOUT_DELAY: Final = (Kind.MADE, Kind.CONFIRMED)
"""Kinds that are rarely taken back a moment later, and so are sent at once; the others wait MAIL_GRACE_SECONDS."""


def queue_change(
    booking: Booking,
    before: BookingSnapshot | None,
    unsettled: Unsettled | None = None,
    *,
    known: BookingSnapshot | None = None,
) -> BookingSnapshot | None:
    """Queue the email that a change calls for, or withdraw the one that it makes unnecessary.

    Call it in the change's transaction, under the station's lock. `booking` is as it is now, `before` as it was (None for a new
    one). `unsettled` is the answer of `prefetch_unsettled` if it has been asked for already. `known` is what the customer knows
    if the change undoes another one that nobody was told of: waiting emails were queued since then.

    Returns what the customer of `before` knew; None for nothing, or if the change does not concern customers.
    """
    now = BookingSnapshot.of(booking)
    if now == before:
        return None
    mails = (unsettled or prefetch_unsettled(booking.pk))()
    previously_known = _known_state(mails, before)
    if known is None or any(mail.state != State.WAITING for mail in mails):
        known = carry_over(previously_known, before, now) if before else previously_known
    _queue(booking, known, now, mails)
    return previously_known


def was_notified(booking: Booking, since: datetime) -> bool:
    """Whether the booking's customer has been sent an email about it since then, or been told by staff."""
    ended = Mail.objects.filter(booking=booking, ended_at__gte=since).exclude(kind=Kind.REMINDER)
    sent = Q(state=State.SENT, said__customer=str(booking.customer_id))
    return ended.filter(sent | Q(state=State.WITHHELD)).exists()


def prefetch_unsettled(booking_id: UUID) -> Unsettled:
    """Ask for the booking's emails, except reminders, that are in the queue or reached nobody.

    They are locked in the order of their keys, as everywhere.
    """
    return Mail.objects.submit_unsettled(booking_id)


def queue_created(bookings: Iterable[Booking]) -> None:
    """Queue the first email of many new bookings at once."""
    sql.insert([_waiting(booking, None, Kind.MADE) for booking in bookings if _needs_first_email(booking)])


def _needs_first_email(booking: Booking) -> bool:
    return pending_notification(None, BookingSnapshot.of(booking)) is not None and _may_be_emailed(booking)


def _may_be_emailed(booking: Booking) -> bool:
    """Whether the customer still hears of the booking by email: not of one that has ended, nor when they are there."""
    return booking.ends_at > timezone.now() and not Status(booking.status).facts.is_present


def _queue(booking: Booking, known: BookingSnapshot | None, now: BookingSnapshot, mails: Sequence[Mail]) -> None:
    kind = pending_notification(known, now) if _may_be_emailed(booking) else None
    waiting = next((mail for mail in mails if mail.state == State.WAITING), None)
    _withdraw([mail for mail in mails if mail.state in UNDELIVERED])
    if kind is None:
        _withdraw([waiting] if waiting else [], Problem.UNDONE)
    elif waiting is None:
        sql.insert([_waiting(booking, known, kind)])
    else:
        waiting.kind, waiting.station, waiting.due_at = kind, booking.station, _due(kind)
        waiting.known = known and known.as_json()
        sql.update(waiting, ["kind", "station", "known", "due_at"])


def _known_state(mails: Sequence[Mail], before: BookingSnapshot | None) -> BookingSnapshot | None:
    """What the customer knows, given the booking's unsettled emails; `before` if there are none.

    An email that is being sent, or may have been, counts as read.
    """
    for state in (State.WAITING, State.SENDING, *UNDELIVERED):
        for mail in mails:
            if mail.state == state:
                may_be_read = state == State.SENDING or mail.problem == Problem.UNKNOWN
                return mail.announced_state if may_be_read else mail.known_state
    return before


def _waiting(booking: Booking, known: BookingSnapshot | None, kind: Kind) -> Mail:
    return Mail(booking=booking, station=booking.station, kind=kind, known=known and known.as_json(), due_at=_due(kind))


def _due(kind: Kind) -> datetime:
    return timezone.now() + timedelta(seconds=0 if kind in WITHOUT_DELAY else settings.MAIL_GRACE_SECONDS)


def _withdraw(mails: Sequence[Mail], problem: Problem = Problem.MERGED) -> None:
    for mail in mails:
        mail.end(State.WITHDRAWN, problem)


def hold_for_staff(now: datetime) -> int:
    """After a restore, stop all waiting emails and ask staff; return how many there are.

    They may have been sent since the backup, which nobody can know. A later change is announced as to a customer who has read
    them.
    """
    held = 0
    with transaction.atomic():
        for mail in Mail.objects.filter(state__in=OPEN).defer("message").select_related("booking").locked().iterator():
            if mail.booking.ends_at <= now:
                mail.end(State.WITHDRAWN, Problem.OVER)
                continue
            said = mail.said or BookingSnapshot.of(mail.booking).as_json()
            Mail.objects.filter(pk=mail.pk).update(said=said)
            mail.end(State.FAILED, Problem.UNKNOWN)
            held += 1
    return held


def emails_of(booking: Booking) -> list[Mail]:
    """The booking's emails at its station, latest first, without those that turned out to be unnecessary."""
    found = Mail.objects.of(booking).filter(station=booking.station_id).exclude(state=State.WITHDRAWN)
    return list(found.order_by("-created_at"))
