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
def made(station: Station, office: ScriptedSmtpServer, deliver: Deliver) -> Booking:
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


def files(office: ScriptedSmtpServer) -> list[bytes]:
    """One of each mail; what is attached is the same as what a program may show instead."""
    assert [len(set(mail.calendars)) for mail in office.received] == [1] * len(office.received)
    return [mail.calendars[0] for mail in office.received]


def test_each_mail_says_more_than_the_one_before(made: Booking, office: ScriptedSmtpServer) -> None:
    read = [by_icalendar(file) for file in files(office)]

    assert by_thunderbird(files(office)) == read
    assert [fault for file in files(office) for fault in faults_of_form(file)] == []
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


def test_mails_have_a_name_each(made: Booking, office: ScriptedSmtpServer) -> None:
    assert [*office.ids.values()] == [1] * 7


@pytest.mark.slow
def test_calendar_has_one_entry_in_whatever_order_the_mails_come(made: Booking, office: ScriptedSmtpServer) -> None:
    brought = files(office)
    told = by_icalendar(brought[-1]).entries[0]
    assert (told.starts_at, told.ends_at, told.summary) == (made.starts_at, made.ends_at, "Court")

    for few in (brought[:1] + brought[3:], brought[2:6] + brought[6:]):
        for order in permutations(few):
            entries = Store().take_all([*order, order[0]]).entries
            assert entries == {told.uid: told}


def test_reminder_is_of_the_entry_as_it_is(made: Booking, office: ScriptedSmtpServer, deliver: Deliver) -> None:
    assert last_entry(office) == last_entry_of_a_reminder(made, office, deliver)


def last_entry(office: ScriptedSmtpServer) -> Entry:
    return by_icalendar(files(office)[-1]).entries[0]


def last_entry_of_a_reminder(made: Booking, office: ScriptedSmtpServer, deliver: Deliver) -> Entry:
    before = made.starts_at - timedelta(hours=24)
    reminders.queue(before)
    deliver(before - made.created_at)
    assert "See you soon" in office.received[-1].words("Subject")
    return last_entry(office)
