"""Decisions of staff about an email: send it now, send it again, or do not send it."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import roles
from bookings import audit
from bookings.audit import Change, Event
from bookings.errors import TooLate
from bookings.models import Mail
from bookings.models.mail_state import UNDELIVERED, Kind, State
from bookings.services import contacts
from bookings.services.locking import lock_booking
from core.errors import NotFound
from stations.access import Person
from stations.models import Station


def send_now(mail_id: UUID, *, by: Person) -> Mail:
    """Send a waiting email without its delay. Raises NotPermitted, NotFound or TooLate."""
    return _choose(mail_id, [State.WAITING], Event.MAIL_NOW, by=by)


def send_again(mail_id: UUID, *, by: Person) -> Mail:
    """Send an email again that failed or had no address. Raises NotPermitted, NotFound or TooLate."""
    return _choose(mail_id, UNDELIVERED, Event.MAIL_AGAIN, by=by)


def withhold(mail_id: UUID, *, by: Person) -> Mail:
    """Do not send an email, because the customer was told in another way. Raises NotPermitted, NotFound or TooLate."""
    return _choose(mail_id, [State.WAITING, *UNDELIVERED], Event.MAIL_WITHHELD, by=by)


def _choose(mail_id: UUID, states: Sequence[State], event: Event, *, by: Person) -> Mail:
    roles.require(by, roles.CHANGE)
    with transaction.atomic():
        booking_id = Mail.objects.visible_to(by).filter(pk=mail_id).values_list("booking", flat=True).first()
        if booking_id is None:
            raise NotFound
        booking, station, chains = lock_booking(by, booking_id)
        mail = Mail.objects.of(booking).filter(pk=mail_id, station=station).locked().first()
        if mail is None or mail.state not in states or (event == Event.MAIL_AGAIN and _is_overtaken(mail)):
            raise TooLate
        if event == Event.MAIL_AGAIN:
            contacts.forget_bounce(booking, by=by)
        if event == Event.MAIL_WITHHELD:
            mail.end(State.WITHHELD)
        else:
            mail.wait(until=timezone.now(), attempts=0)
        audit.record([Change(booking, event, {"mail": [None, mail.kind]}, station.pk)], by=by, chains=chains)
        Station.objects.bump(station.pk)
        return mail


def _is_overtaken(mail: Mail) -> bool:
    """Whether a later email is waiting that will say all of it."""
    waiting = Mail.objects.filter(booking=mail.booking_id, state=State.WAITING).exclude(kind=Kind.REMINDER)
    return mail.kind != Kind.REMINDER and waiting.exists()
