"""Who is reminded, when, and that nobody is twice."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import roles
from accounts.customers import Contact
from bookings import services
from bookings.mails import reminders
from bookings.models import Booking, Mail
from bookings.models.mail_state import Kind, State
from bookings.models.status import Status
from bookings.services import Place, mail_choices
from core.mail.smtp import Outcome
from stations.models import Station
from tests.bookings.importing.commands import import_file, write
from tests.bookings.mails.conftest import Deliver
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.bookings.mails.test_outbox import ANA, EVENING
from tests.concurrency import run_concurrently
from tests.factories import FRIDAY, SATURDAY, booking, bookings, open_station

pytestmark = pytest.mark.django_db

DAY: Final = timedelta(days=1)
MINUTE: Final = timedelta(minutes=1)


@pytest.fixture
def made(station: Station) -> Booking:
    """Long ago, for Friday at 18:00."""
    return booking(station, customer=ANA)


def before(made: Booking, ago: timedelta) -> datetime:
    return made.starts_at - ago


def reminded(made: Booking | None = None) -> list[tuple[str, datetime | None]]:
    """The reminders that wait, or went: of which start each."""
    found = Mail.objects.filter(kind=Kind.REMINDER).exclude(state=State.WITHDRAWN).order_by("reminds_of")
    return [(mail.state, mail.reminds_of) for mail in (found.filter(booking=made) if made else found)]


@pytest.mark.parametrize("hours", [1, 24, 48, 14 * 24])
def test_customer_is_reminded_at_the_station_s_interval(made: Booking, hours: int) -> None:
    Station.objects.update(reminder_hours=hours)

    reminders.queue_due(before(made, timedelta(hours=hours) + timedelta(seconds=1)))
    too_early = reminded()
    reminders.queue_due(before(made, timedelta(hours=hours)))

    assert (too_early, reminded()) == ([], [(State.WAITING, made.starts_at)])


def test_station_without_an_interval_reminds_nobody(made: Booking) -> None:
    Station.objects.update(reminder_hours=None)

    assert reminders.queue_due(before(made, MINUTE)) == 0


def test_each_station_reminds_at_its_own_interval(station: Station) -> None:
    soon, late = (open_station(code=code, reminder_hours=hours) for code, hours in (("soon", 48), ("late", 2)))
    first, second = booking(soon, customer=ANA), booking(late, customer=ANA)

    reminders.queue_due(before(first, DAY))

    assert (reminded(first), reminded(second)) == ([(State.WAITING, first.starts_at)], [])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: Booking.objects.update(status=Status.PENDING),
        lambda made: Booking.objects.update(status=Status.CANCELLED),
        lambda made: Booking.objects.update(status=Status.ARRIVED),
        lambda made: Booking.objects.update(needs_place=True),
        lambda made: Booking.objects.update(customer=None),
        lambda made: Station.objects.update(is_active=False),
    ],
    ids=["pending", "cancelled", "arrived", "displaced", "walk-in", "inactive station"],
)
def test_nobody_is_reminded_who_is_not_expected(made: Booking, spoil: Callable[[Booking], object]) -> None:
    spoil(made)

    assert reminders.queue_due(before(made, MINUTE)) == 0


@pytest.mark.parametrize("late", [timedelta(0), MINUTE, timedelta(hours=30)])
def test_nobody_is_reminded_of_what_has_begun(made: Booking, late: timedelta) -> None:
    assert reminders.queue_due(made.starts_at + late) == 0


def test_nobody_is_reminded_who_booked_within_the_interval(made: Booking) -> None:
    Booking.objects.update(created_at=before(made, DAY) + MINUTE)

    assert reminders.queue_due(before(made, MINUTE)) == 0


@pytest.mark.parametrize(("ago", "queued"), [(DAY + MINUTE, 1), (DAY - MINUTE, 0)])
def test_nobody_is_reminded_who_was_told_of_a_move_within_the_interval(
    made: Booking, ago: timedelta, queued: int
) -> None:
    services.reschedule(made.pk, to=Place(SATURDAY, EVENING[1]), by=roles.OPERATOR)
    made.refresh_from_db()
    Mail.objects.update(created_at=before(made, 2 * DAY), state=State.SENT, ended_at=before(made, ago))

    assert reminders.queue_due(before(made, MINUTE)) == queued


def test_nobody_is_reminded_of_what_they_are_yet_to_hear(made: Booking) -> None:
    services.reschedule(made.pk, to=Place(SATURDAY, EVENING[1]), by=roles.OPERATOR)
    made.refresh_from_db()

    assert reminders.queue_due(before(made, MINUTE)) == 0


def test_move_that_was_taken_back_before_anybody_heard_of_it_is_no_reason_not_to_remind(made: Booking) -> None:
    services.reschedule(made.pk, to=Place(SATURDAY, EVENING[1]), by=roles.OPERATOR)
    services.reschedule(made.pk, to=Place(*EVENING), by=roles.OPERATOR)
    Mail.objects.update(created_at=before(made, MINUTE))

    assert reminders.queue_due(before(made, MINUTE)) == 1


def test_move_that_staff_told_by_telephone_was_told(made: Booking) -> None:
    services.reschedule(made.pk, to=Place(SATURDAY, EVENING[1]), by=roles.OPERATOR)
    mail_choices.withhold(Mail.objects.get().pk, by=roles.OPERATOR)
    made.refresh_from_db()
    Mail.objects.update(created_at=before(made, MINUTE))

    assert reminders.queue_due(before(made, MINUTE)) == 0


def test_nobody_is_reminded_twice_of_one_start(
    made: Booking, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    for ago in (DAY, DAY - MINUTE, MINUTE):
        reminders.queue_due(before(made, ago))
        deliver(before(made, ago) - datetime.now(made.starts_at.tzinfo))

    assert ([*map(str, mail_server.subjects)], reminded()) == (
        ["See you soon at Kitchen: Friday 7 March 2031, 18:00"],
        [(State.SENT, made.starts_at)],
    )


def test_move_after_a_reminder_brings_one_of_the_new_start(made: Booking) -> None:
    first = made.starts_at
    reminders.queue_due(before(made, DAY))

    services.reschedule(made.pk, to=Place(SATURDAY, EVENING[1]), by=roles.OPERATOR)
    made.refresh_from_db()
    Mail.objects.update(state=State.SENT)
    reminders.queue_due(before(made, DAY))

    assert reminded() == [(State.SENT, first), (State.WAITING, made.starts_at)]


@pytest.mark.parametrize(
    "change",
    [
        lambda made: services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR),
        lambda made: services.reschedule(made.pk, to=Place(SATURDAY, EVENING[1]), by=roles.OPERATOR),
        lambda made: Station.objects.update(reminder_hours=None),
        lambda made: Station.objects.update(is_active=False),
    ],
    ids=["cancelled", "moved", "no interval any more", "inactive"],
)
def test_reminder_that_waits_is_not_sent_when_it_is_no_longer_true(
    made: Booking, mail_server: ScriptedSmtpServer, deliver: Deliver, change: Callable[[Booking], object]
) -> None:
    reminders.queue_due(before(made, DAY))

    change(made)
    deliver(before(made, DAY - MINUTE) - datetime.now(made.starts_at.tzinfo))

    assert [subject for subject in mail_server.subjects if "See you soon" in subject] == []
    assert reminded() == []


def test_booking_that_comes_back_to_its_start_is_reminded_of_all_the_same(
    made: Booking, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    """A server that was away held the reminder, and the booking was elsewhere for a moment."""
    now = before(made, DAY) - datetime.now(made.starts_at.tzinfo)
    reminders.queue_due(before(made, DAY))
    services.reschedule(made.pk, to=Place(SATURDAY, EVENING[1]), by=roles.OPERATOR)
    Mail.objects.exclude(kind=Kind.REMINDER).update(due_at=before(made, -DAY))
    assert deliver(now) == []
    services.reschedule(made.pk, to=Place(*EVENING), by=roles.OPERATOR)

    reminders.queue_due(before(made, DAY - MINUTE))

    assert deliver(now + MINUTE) == [Outcome.SENT]
    assert reminded() == [(State.SENT, made.starts_at)]


def test_reminder_of_somebody_without_address_troubles_nobody(station: Station, deliver: Deliver) -> None:
    made = booking(station, customer=Contact("Ana García", "", "+4930901820"))
    reminders.queue_due(before(made, DAY))

    assert deliver(before(made, DAY) - datetime.now(made.starts_at.tzinfo)) == []

    assert Mail.objects.get().state == State.WITHDRAWN
    assert reminders.queue_due(before(made, MINUTE)) == 0


@pytest.mark.parametrize(("words", "queued"), [([], 0), (["--notify"], 1)])
def test_imported_bookings_are_reminded_of_if_their_customers_were_written_to(
    station: Station, tmp_path: Path, deliver: Deliver, words: list[str], queued: int
) -> None:
    file = write(
        tmp_path / "in.csv",
        f"station,date,slot,customer_name,customer_email\nkitchen,{FRIDAY},18:00,Ana,ana@example.com\n",
    )
    import_file(file, *words)
    deliver()

    assert reminders.queue_due(before(Booking.objects.get(), MINUTE)) == queued


def test_reminders_take_the_same_few_queries_for_one_and_for_many(transactional_db: None) -> None:
    counted = {}
    for count in (1, 50):
        place = open_station(code=f"for-{count}", capacity=count)
        made = bookings(count, place, customer=ANA)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert reminders.queue_due(before(made[0], DAY)) == count
        counted[count] = len(queries)
        Station.objects.update(is_active=False)

    assert counted[1] == counted[50] <= 6


@pytest.mark.slow
def test_reminders_of_hundreds_are_all_queued(station: Station) -> None:
    place = open_station(code="hall", capacity=600)
    made = bookings(reminders.BATCH_SIZE + 100, place, customer=ANA)

    with CaptureQueriesContext(connection) as queries:
        assert reminders.queue_due(before(made[0], DAY)) == len(made)

    assert (len(reminded()), len(queries) <= 20) == (len(made), True)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_workers_at_once_remind_everybody_once(database_url: str, mail_server: ScriptedSmtpServer) -> None:
    """The bookings are of long ago, for in 23 hours."""
    place = open_station(code="hall", hours=range(24), capacity=40, time_zone="UTC")
    soon = datetime.now(tz=place.zone) + timedelta(hours=23)
    made = bookings(40, place, soon.date(), soon.time().replace(minute=0, second=0, microsecond=0), customer=ANA)
    Booking.objects.update(created_at=made[0].starts_at - 7 * DAY)

    sent = run_concurrently(database_url, 3, str(mail_server.port), module="tests.bookings.mails.worker_once")

    assert sum(map(int, sent)) == 40
    assert ([*mail_server.ids.values()], len(reminded())) == ([1] * 40, 40)
