"""A booking's emails as staff see them: what was sent, what will be sent and when, and what staff can do about it."""

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
from bookings.mails.rendering import EmailContent
from bookings.models import Booking, Mail
from bookings.models.mail_state import UNDELIVERED, Kind, Problem, State
from bookings.services import contacts
from core import formats
from core.mail.addresses import WIRE_POLICY
from stations.access import Person
from stations.models import Station

SEND_NOW, SEND_AGAIN, WITHHOLD = "now", "again", "withhold"
CHOICES: Final[dict[State, Sequence[str]]] = {
    State.WAITING: (SEND_NOW, WITHHOLD),
    State.FAILED: (SEND_AGAIN, WITHHOLD),
    State.UNREACHED: (SEND_AGAIN, WITHHOLD),
}


@dataclass(frozen=True, slots=True)
class MailDescription:
    """An email, a sentence on its state, and what staff can choose to do with it."""

    mail: Mail
    sentence: str
    choices: Sequence[str]
    call: bool
    """Whether staff have to tell the customer in another way."""


def describe_all(booking: Booking, person: Person, now: datetime) -> list[MailDescription]:
    """The booking's emails, latest first."""
    return [describe(mail, booking, person, now) for mail in outbox.emails_of(booking)]


def describe(mail: Mail, booking: Booking, person: Person, now: datetime) -> MailDescription:
    choices = _choices(mail) if person.has_perm(roles.CHANGE) else ()
    if mail.state == State.WAITING and not is_reachable(booking):
        return _describe_unreachable(mail, booking, choices)
    call = mail.state in UNDELIVERED and mail.kind != Kind.REMINDER and booking.ends_at > now
    return MailDescription(mail, _sentence(mail, booking.station, now), choices, call)


def _choices(mail: Mail) -> Sequence[str]:
    # An email that a limit holds back cannot be sent sooner.
    return (WITHHOLD,) if mail.problem == Problem.HOURLY_LIMIT else CHOICES.get(State(mail.state), ())


def _describe_unreachable(mail: Mail, booking: Booking, choices: Sequence[str]) -> MailDescription:
    """Describe a waiting email that a worker will settle without sending it (`delivery._settle_unreachable`)."""
    to = contacts.recipient(booking)
    call = mail.kind in (Kind.MOVED, Kind.CANCELLED) or (to.bounced and mail.kind != Kind.REMINDER)
    problem = Problem.BOUNCED if to.email else Problem.NO_ADDRESS
    return MailDescription(mail, str(problem.label), [one for one in choices if call and one == WITHHOLD], call)


def is_reachable(booking: Booking) -> bool:
    """Whether there is an address that an email can go to."""
    return contacts.recipient(booking).can_be_emailed


def _sentence(mail: Mail, station: Station, now: datetime) -> str:
    when = {"when": _when(mail.ended_at or mail.due_at, station)}
    problem = Problem(mail.problem).label
    match mail.state:
        case State.WAITING if not settings.MAIL_SERVER:
            return _("Waiting: no mail server is configured.")
        case State.WAITING | State.SENDING if problem:
            return f"{problem} " + _("Next attempt: %(when)s.") % when
        case State.WAITING:
            return _("Will be sent %(when)s.") % when if mail.due_at > now else _("Will be sent shortly.")
        case State.SENDING:
            return _("Being sent.")
        case State.SENT:
            return _("Sent %(when)s.") % when
        case State.WITHHELD:
            return _("Not sent: staff told the customer, %(when)s.") % when
        case _:
            return f"{problem}"


def _when(instant: datetime, station: Station) -> str:
    """Date and time at the station, to the minute."""
    local = instant.astimezone(station.zone).replace(second=0, microsecond=0)
    return formats.format_datetime(
        formats.format_short_date(local.date(), station.country), local.time(), station.country
    )


def names_another_station(mail: Mail, person: Person) -> bool:
    """Whether the email names a station that the booking came from and that the person cannot see."""
    known = mail.known_state
    return known is not None and known.station != mail.station_id and not Station.objects.may_see(person, known.station)


def content_of(mail: Mail, booking: Booking, person: Person) -> EmailContent:
    """The email's content as it was sent if it is still stored, otherwise as it would be sent now.

    Empty if the stored text has expired, if it names a station that the person cannot see, or if the booking has moved to
    another station, which would write another email.
    """
    if names_another_station(mail, person):
        return EmailContent("", "", "")
    if mail.message:
        message = message_from_string(mail.message, policy=WIRE_POLICY)
        return EmailContent(str(message["Subject"]), _part(message, "plain"), _part(message, "html"))
    is_here = booking.station_id == mail.station_id
    if is_here and mail.state in (State.WAITING, *UNDELIVERED) and booking.customer:
        return rendering.render(booking, Kind(mail.kind), mail.known_state)
    return EmailContent("", "", "")


def _part(message: EmailMessage, subtype: str) -> str:
    body = message.get_body((subtype,))
    return str(body.get_content()) if body else ""
