"""The calendar files that a booking's mails bring: one entry, and the last word on it, in whatever order they come."""

from datetime import timedelta
from itertools import permutations

import pytest

from accounts import roles
from bookings import services
from bookings.mails import reminders
from bookings.models import Booking
from bookings.models.status import Status
from bookings.services import Place
from stations.models import Station
from tests.bookings.mails.conftest import Deliver
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.bookings.mails.test_outbox import EVENING, create
from tests.calendars import Entry, Store, by_icalendar, by_thunderbird, faults_of_form
from tests.factories import FRIDAY, SATURDAY, open_station

pytestmark = [pytest.mark.django_db, pytest.mark.looks]

A_WHILE = timedelta(hours=4)


@pytest.fixture
def made(station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver) -> Booking:
    """Asked for, confirmed, moved, moved to another station, cancelled, restored, made longer: each told."""
    open_station(code="court", name="Court", time_zone="America/New_York", country="US")
    made = create(station, status=Status.PENDING)
    deliver()
    services.change_status(made.pk, Status.CONFIRMED, by=roles.OPERATOR)
    deliver()
    for place in (Place(SATURDAY, EVENING[1]), Place(FRIDAY, EVENING[1], "court")):
        services.reschedule(made.pk, to=place, by=roles.OPERATOR)
        deliver(A_WHILE)
    for status in (Status.CANCELLED, Status.CONFIRMED):
        services.change_status(made.pk, status, by=roles.OPERATOR)
        deliver(A_WHILE)
    services.edit(made.pk, {"slots": 2, "special_requests": "Nuts"}, by=roles.OPERATOR)
    deliver(A_WHILE)
    made.refresh_from_db()
    return made


def files(mail_server: ScriptedSmtpServer) -> list[bytes]:
    """One of each mail; what is attached is the same as what a program may show instead."""
    assert [len(set(mail.calendars)) for mail in mail_server.received] == [1] * len(mail_server.received)
    return [mail.calendars[0] for mail in mail_server.received]


def test_each_mail_says_more_than_the_one_before(made: Booking, mail_server: ScriptedSmtpServer) -> None:
    read = [by_icalendar(file) for file in files(mail_server)]

    assert by_thunderbird(files(mail_server)) == read
    assert [fault for file in files(mail_server) for fault in faults_of_form(file)] == []
    assert [(one.method, entry.status) for one in read for entry in one.entries] == [
        ("REQUEST", "TENTATIVE"),
        ("REQUEST", "CONFIRMED"),
        ("REQUEST", "CONFIRMED"),
        ("REQUEST", "CONFIRMED"),
        ("CANCEL", "CANCELLED"),
        ("REQUEST", "CONFIRMED"),
        ("REQUEST", "CONFIRMED"),
    ]
    sequences = [one.entries[0].sequence for one in read]
    assert sequences == sorted(set(sequences))
    assert {one.entries[0].uid for one in read} == {f"{made.pk}@stationbook"}


def test_mails_have_a_name_each(made: Booking, mail_server: ScriptedSmtpServer) -> None:
    assert [*mail_server.ids.values()] == [1] * 7


@pytest.mark.slow
def test_calendar_has_one_entry_in_whatever_order_the_mails_come(
    made: Booking, mail_server: ScriptedSmtpServer
) -> None:
    brought = files(mail_server)
    told = by_icalendar(brought[-1]).entries[0]
    assert (told.starts_at, told.ends_at, told.summary) == (made.starts_at, made.ends_at, "Court")

    for few in (brought[:1] + brought[3:], brought[2:6] + brought[6:]):
        for order in permutations(few):
            entries = Store().take_all([*order, order[0]]).entries
            assert entries == {told.uid: told}


def test_reminder_is_of_the_entry_as_it_is(made: Booking, mail_server: ScriptedSmtpServer, deliver: Deliver) -> None:
    assert last_entry(mail_server) == last_entry_of_a_reminder(made, mail_server, deliver)


def last_entry(mail_server: ScriptedSmtpServer) -> Entry:
    return by_icalendar(files(mail_server)[-1]).entries[0]


def last_entry_of_a_reminder(made: Booking, mail_server: ScriptedSmtpServer, deliver: Deliver) -> Entry:
    before = made.starts_at - timedelta(hours=24)
    reminders.queue_due(before)
    deliver(before - made.created_at)
    assert "See you soon" in mail_server.received[-1].decoded("Subject")
    return last_entry(mail_server)
