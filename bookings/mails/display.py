"""What staff are shown of a booking's mails: what was said, what will be said and when, and what they may do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_string
from email.message import EmailMessage
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _

from accounts import roles
from bookings.mails import outbox, rendering
from bookings.mails.rendering import Words
from bookings.models import Booking, Mail
from bookings.models.mail_state import UNTOLD, Kind, Problem, State
from bookings.services import contacts
from core import formats
from stations.access import Person
from stations.models import Station

NOW, AGAIN, WITHHOLD = "now", "again", "withhold"
CHOICES: Final[dict[State, Sequence[str]]] = {
    State.WAITING: (NOW, WITHHOLD),
    State.FAILED: (AGAIN, WITHHOLD),
    State.UNREACHED: (AGAIN, WITHHOLD),
}


@dataclass(frozen=True, slots=True)
class ShownMail:
    """One mail: a sentence of what became of it, or will, and the choices there are."""

    mail: Mail
    sentence: str
    choices: Sequence[str]
    call: bool
    """Whether the customer has to be told in another way."""


def of(booking: Booking, person: Person, now: datetime) -> list[ShownMail]:
    """The booking's mails, latest first."""
    return [shown(mail, booking, person, now) for mail in outbox.of(booking)]


def shown(mail: Mail, booking: Booking, person: Person, now: datetime) -> ShownMail:
    choices = _choices(mail) if person.has_perm(roles.CHANGE) else ()
    if mail.state == State.WAITING and not reachable(booking):
        return _unreachable(mail, booking, choices)
    call = mail.state in UNTOLD and mail.kind != Kind.REMINDER and booking.ends_at > now
    return ShownMail(mail, _sentence(mail, booking.station, now), choices, call)


def _choices(mail: Mail) -> Sequence[str]:
    """What can be chosen at this moment. A mail that a limit holds back cannot go sooner."""
    return (WITHHOLD,) if mail.problem == Problem.HOURLY_LIMIT else CHOICES.get(State(mail.state), ())


def _unreachable(mail: Mail, booking: Booking, choices: Sequence[str]) -> ShownMail:
    """As a worker will settle it. Of a change somebody has to tell them; nobody was promised a first mail without an address."""
    to = contacts.recipient(booking)
    call = mail.kind in (Kind.MOVED, Kind.CANCELLED) or (to.bounced and mail.kind != Kind.REMINDER)
    problem = Problem.BOUNCED if to.email else Problem.NO_ADDRESS
    return ShownMail(mail, str(problem.label), [one for one in choices if call and one == WITHHOLD], call)


def reachable(booking: Booking) -> bool:
    """Whether there is an address that a mail could go to."""
    return contacts.recipient(booking).can_be_emailed


def _sentence(mail: Mail, station: Station, now: datetime) -> str:
    when = {"when": _when(mail.ended_at or mail.due_at, station)}
    problem = Problem(mail.problem).label
    match mail.state:
        case State.WAITING if not settings.MAIL_SERVER:
            return _("Waits in the outbox: no mail server is set.")
        case State.WAITING | State.SENDING if problem:
            return f"{problem} " + _("Next try at %(when)s.") % when
        case State.WAITING:
            return _("To be sent at %(when)s.") % when if mail.due_at > now else _("Being sent now.")
        case State.SENDING:
            return _("On its way.")
        case State.SENT:
            return _("Sent %(when)s.") % when
        case State.WITHHELD:
            return _("Not sent: staff told the customer, %(when)s.") % when
        case _:
            return f"{problem}"


def _when(moment: datetime, station: Station) -> str:
    """By the station's clock, to the minute."""
    local = moment.astimezone(station.zone).replace(second=0, microsecond=0)
    return formats.format_datetime(
        formats.format_short_date(local.date(), station.country), local.time(), station.country
    )


def names_another_station(mail: Mail, person: Person) -> bool:
    """Whether it tells where the booking came from, and that is a station which the person does not see."""
    known = mail.known_state
    return known is not None and known.station != mail.station_id and not Station.objects.may_see(person, known.station)


def words_of(mail: Mail, booking: Booking, person: Person) -> Words:
    """What the mail says: as it went where it is kept, else as it would go now.

    Empty where its text was forgotten, where it names a station that the person does not see, and where it would be written by
    another station, for the booking is there by now.
    """
    if names_another_station(mail, person):
        return Words("", "", "")
    if mail.message:
        kept = message_from_string(mail.message, policy=rendering.WIRE)
        return Words(str(kept["Subject"]), _part(kept, "plain"), _part(kept, "html"))
    is_here = booking.station_id == mail.station_id
    if is_here and mail.state in (State.WAITING, *UNTOLD) and booking.customer:
        return rendering.words(booking, Kind(mail.kind), mail.known_state)
    return Words("", "", "")


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return str(body.get_content()) if body else ""
