"""The outbox: what customers are still to hear, written in the transaction of the change itself.

One waiting mail a booking at most. It names no text but what the customer knows so far; what it will say follows the booking
until a worker takes it (`bookings.mails.delivery`). So a move taken back in time says nothing, and ten moves say one.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from bookings.mails.rules import followed, left_to_say
from bookings.models import Booking, Mail
from bookings.models.mail_state import OPEN, UNTOLD, Kind, Problem, Standing, State
from core.db import sql

Said = Callable[[], Sequence[Mail]]

AT_ONCE: Final = (Kind.MADE, Kind.CONFIRMED)
"""What nobody takes back a moment later; the rest waits its grace time."""


def changed(
    booking: Booking, before: Standing | None, said: Said | None = None, *, known: Standing | None = None
) -> Standing | None:
    """Queue what the customer is to hear after a change, or withdraw what has become needless.

    Called under the station's lock, in the change's transaction, with the booking as it now is, how it stood before (None for a
    new one), and the answer to `ask_what_was_said`, where that has been asked already. `known` is what the customer knows where
    the change undoes another of which nobody was told: mails that wait were then queued since.

    Returns what the customer of before knew; None for nothing, and where the change does not concern customers.
    """
    now = Standing.of(booking)
    if now == before:
        return None
    said_so_far = (said or ask_what_was_said(booking.pk))()
    knew = _known(said_so_far, before)
    if known is None or any(mail.state != State.WAITING for mail in said_so_far):
        known = followed(knew, before, now) if before else knew
    _queue(booking, known, now, said_so_far)
    return knew


def was_told(booking: Booking, since: datetime) -> bool:
    """Whether the booking's customer has been sent a mail about it since then, or was told by staff."""
    ended = Mail.objects.filter(booking=booking, ended_at__gte=since).exclude(kind=Kind.REMINDER)
    sent = Q(state=State.SENT, said__customer=str(booking.customer_id))
    return ended.filter(sent | Q(state=State.WITHHELD)).exists()


def ask_what_was_said(booking_id: UUID) -> Said:
    """The mails, but for reminders, that are under way or reached nobody; locked in the order of their keys, as everywhere."""
    return Mail.objects.submit_unsettled(booking_id)


def made(bookings: Iterable[Booking]) -> None:
    """Queue the first mail of many new bookings at once."""
    sql.insert([_waiting(booking, None, Kind.MADE) for booking in bookings if _is_told(booking)])


def _is_told(booking: Booking) -> bool:
    return left_to_say(None, Standing.of(booking)) is not None and booking.ends_at > timezone.now()


def _queue(booking: Booking, known: Standing | None, now: Standing, said_so_far: Sequence[Mail]) -> None:
    kind = left_to_say(known, now) if booking.ends_at > timezone.now() else None
    waiting = next((mail for mail in said_so_far if mail.state == State.WAITING), None)
    _supersede([mail for mail in said_so_far if mail.state in UNTOLD])
    if kind is None:
        _supersede([waiting] if waiting else [], Problem.UNDONE)
    elif waiting is None:
        sql.insert([_waiting(booking, known, kind)])
    else:
        waiting.kind, waiting.station, waiting.due_at = kind, booking.station, _due(kind)
        waiting.known = known and known.as_json()
        sql.update(waiting, ["kind", "station", "known", "due_at"])


def _known(said_so_far: Sequence[Mail], before: Standing | None) -> Standing | None:
    """What the customer knows, or will when the mail that is on its way arrives, or may know from one that went nobody knows
    where. Without any: how the booking stood before.
    """
    for state in (State.WAITING, State.SENDING, *UNTOLD):
        for mail in said_so_far:
            if mail.state == state:
                return mail.stated if state == State.SENDING or mail.problem == Problem.UNKNOWN else mail.known_state
    return before


def _waiting(booking: Booking, known: Standing | None, kind: Kind) -> Mail:
    return Mail(booking=booking, station=booking.station, kind=kind, known=known and known.as_json(), due_at=_due(kind))


def _due(kind: Kind) -> datetime:
    return timezone.now() + timedelta(seconds=0 if kind in AT_ONCE else settings.MAIL_GRACE_SECONDS)


def _supersede(mails: Sequence[Mail], problem: Problem = Problem.MERGED) -> None:
    for mail in mails:
        mail.end(State.WITHDRAWN, problem)


def hold_all(now: datetime) -> int:
    """After a restore: what waited may have gone since the backup, and nobody knows. So nothing of it goes by itself, and staff
    are asked; a later change is told as to somebody who has heard of this one. Returns how many mails that are.
    """
    held = 0
    with transaction.atomic():
        for mail in Mail.objects.filter(state__in=OPEN).defer("message").select_related("booking").locked().iterator():
            if mail.booking.ends_at <= now:
                mail.end(State.WITHDRAWN, Problem.OVER)
                continue
            said = mail.said or Standing.of(mail.booking).as_json()
            Mail.objects.filter(pk=mail.pk).update(said=said)
            mail.end(State.FAILED, Problem.UNKNOWN)
            held += 1
    return held


def of(booking: Booking) -> list[Mail]:
    """The booking's mails at its station, latest first, but for those that were never needed."""
    found = Mail.objects.of(booking).filter(station=booking.station_id).exclude(state=State.WITHDRAWN)
    return list(found.order_by("-created_at"))
