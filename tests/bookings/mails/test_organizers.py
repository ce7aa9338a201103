"""Whose events a customer's calendar holds: the organizer stays, whatever becomes of sender and station."""

import re
from datetime import timedelta
from importlib import import_module

import pytest

from accounts import roles
from accounts.customers import Contact
from bookings import services
from bookings.models import Booking, Mail
from bookings.models.mail_state import State
from bookings.models.status import Status
from bookings.services import Place, mail_choices
from stations.models import Station
from tests.bookings.mails.conftest import Deliver
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.bookings.mails.test_outbox import ANA, EVENING, create
from tests.calendars import Read, Store, by_icalendar, by_thunderbird
from tests.factories import FRIDAY, SATURDAY, booking, open_station

pytestmark = pytest.mark.django_db

KITCHEN = ("Kitchen", "kitchen@example.com")
A_WHILE = timedelta(hours=4)


@pytest.fixture
def station(station: Station) -> Station:
    return called(station, *KITCHEN)


def called(station: Station, name: str, sender: str) -> Station:
    """The station, from now on under another name and sender."""
    station.name, station.mail_from = name, sender
    station.save()
    return station


def read(mail_server: ScriptedSmtpServer) -> list[Read]:
    """Each mail's calendar file, of which both readers make the same."""
    files = [mail.calendars[0] for mail in mail_server.received]
    found = [by_icalendar(file) for file in files]
    assert by_thunderbird(files) == found
    return found


def said_of_organizers(mail_server: ScriptedSmtpServer) -> list[tuple[str, object, str]]:
    """Of each mail: its method, its organizer, and its sender."""
    return [
        (one.method, one.entries[0].organizer, mail.sender)
        for one, mail in zip(read(mail_server), mail_server.received, strict=True)
    ]


def sent_by(mail_server: ScriptedSmtpServer) -> list[str]:
    """Of each mail whom it names as writing for the organizer."""
    unfolded = [re.sub(rb"\r\n ", b"", mail.calendars[0]).decode() for mail in mail_server.received]
    return ["".join(re.findall('ORGANIZER;SENT-BY="mailto:([^"]+)"', file)) for file in unfolded]


def store(mail_server: ScriptedSmtpServer) -> Store:
    return Store().take_all(mail.calendars[0] for mail in mail_server.received)


def test_updates_and_cancellation_keep_the_organizer_when_the_sender_changes(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = create(station)
    deliver()
    called(station, "Bistro", "bistro@example.net")
    services.reschedule(made.pk, to=Place(SATURDAY, EVENING[1]), by=roles.OPERATOR)
    deliver(A_WHILE)
    services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR)
    deliver(A_WHILE)

    assert said_of_organizers(mail_server) == [
        ("REQUEST", KITCHEN, "kitchen@example.com"),
        ("REQUEST", KITCHEN, "bistro@example.net"),
        ("CANCEL", KITCHEN, "bistro@example.net"),
    ]
    assert sent_by(mail_server) == ["", "bistro@example.net", "bistro@example.net"]
    assert store(mail_server).entries[f"{made.pk}@stationbook"].status == "CANCELLED"


def test_organizer_stays_on_the_way_through_stations(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    called(open_station(code="court"), "Court", "court@example.com")
    made = create(station)
    deliver()
    services.reschedule(made.pk, to=Place(FRIDAY, EVENING[1], "court"), by=roles.OPERATOR)
    deliver(A_WHILE)
    services.reschedule(made.pk, to=Place(SATURDAY, EVENING[1], "court"), by=roles.OPERATOR)
    deliver(A_WHILE)
    services.reschedule(made.pk, to=Place(SATURDAY, EVENING[1], "kitchen"), by=roles.OPERATOR)
    deliver(A_WHILE)

    assert [organizer for _method, organizer, _sender in said_of_organizers(mail_server)] == [KITCHEN] * 4
    assert sent_by(mail_server) == ["", "court@example.com", "court@example.com", ""]
    known = store(mail_server).entries[f"{made.pk}@stationbook"]
    assert (known.summary, known.starts_at) == ("Kitchen", Booking.objects.get(pk=made.pk).starts_at)


def test_move_that_staff_told_themselves_keeps_the_organizer(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    called(open_station(code="court"), "Court", "court@example.com")
    made = create(station)
    deliver()
    services.reschedule(made.pk, to=Place(FRIDAY, EVENING[1], "court"), by=roles.OPERATOR)
    withhold(made)
    services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR)
    deliver(A_WHILE)

    assert said_of_organizers(mail_server)[1:] == [("CANCEL", KITCHEN, "court@example.com")]


def withhold(made: Booking) -> None:
    mail_choices.withhold(Mail.objects.get(booking=made, state=State.WAITING).pk, by=roles.OPERATOR)


def test_restored_booking_keeps_the_organizer_of_its_cancelled_event(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = create(station)
    deliver()
    services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR)
    deliver(A_WHILE)
    called(station, "Bistro", "bistro@example.net")
    services.change_status(made.pk, Status.CONFIRMED, by=roles.OPERATOR)
    deliver(A_WHILE)

    assert said_of_organizers(mail_server)[2:] == [("REQUEST", KITCHEN, "bistro@example.net")]
    assert store(mail_server).entries[f"{made.pk}@stationbook"].status == "CONFIRMED"


def test_somebody_else_on_the_booking_is_invited_by_the_station_as_it_is(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = create(station)
    deliver()
    called(station, "Bistro", "bistro@example.net")
    services.edit(made.pk, {"customer": Contact("Bo Li", "bo@example.com")}, by=roles.OPERATOR)
    deliver(A_WHILE)

    assert said_of_organizers(mail_server)[1:] == [("REQUEST", ("Bistro", "bistro@example.net"), "bistro@example.net")]


def test_first_invitation_that_was_refused_leaves_the_organizer_open(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = create(station)
    mail_server.answers["MAIL"] = ["550 Who are you?"]
    deliver()
    called(station, "Kitchen", "right@example.com")
    services.reschedule(made.pk, to=Place(SATURDAY, EVENING[1]), by=roles.OPERATOR)
    deliver(A_WHILE)

    assert said_of_organizers(mail_server) == [("REQUEST", ("Kitchen", "right@example.com"), "right@example.com")]


@pytest.mark.usefixtures("short_timeouts")
def test_invitation_that_may_have_arrived_counts(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = create(station)
    mail_server.answers["DATA"] = ["drop"]
    deliver(most=1)
    called(station, "Bistro", "bistro@example.net")
    services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR)
    deliver(A_WHILE)
    deliver(A_WHILE * 2)

    assert {organizer for _method, organizer, _sender in said_of_organizers(mail_server)} == {KITCHEN}
    assert store(mail_server).entries[f"{made.pk}@stationbook"].status == "CANCELLED"


def test_change_of_staffs_does_not_overwrite_who_invited(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker notes it between a service's reading and its writing."""
    made = create(station)
    edit = import_module("bookings.services.edit")
    apply = edit._apply

    def slow(*args: object, **named: object) -> None:
        deliver()
        apply(*args, **named)

    monkeypatch.setattr(edit, "_apply", slow)

    services.edit(made.pk, {"party_adults": 4}, by=roles.OPERATOR)

    made.refresh_from_db()
    assert (made.organizer_name, made.organizer_email, made.party_adults) == (*KITCHEN, 4)


def test_booking_that_nobody_was_told_of_has_no_organizer(station: Station) -> None:
    made = booking(station, customer=ANA)

    assert (made.organizer_name, made.organizer_email) == ("", "")
