"""A clock was far ahead and is put right: what was dated meanwhile neither lasts for months nor waits for months."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.auth import authentication, password_reset, reauthentication, sessions
from accounts.models import ResetRequest, Session, User
from bookings.mails import delivery, limits
from bookings.mails.misdated import bring_forward
from bookings.models import CountedMail, Mail, WorkerBeat
from bookings.models.mail_state import State
from bookings.operations import clock_check, heartbeat, worker
from bookings.operations.clock_check import ClockWatch
from core.mail.smtp import Outcome
from stations.models import Station
from tests.bookings.mails.conftest import Deliver
from tests.bookings.mails.conftest import deliver as deliver  # a fixture
from tests.bookings.mails.conftest import mail_server as mail_server  # a fixture
from tests.bookings.mails.test_outbox import create
from tests.factories import PASSWORD
from tests.worker_stops import StopAtFirstPause

RIGHT: Final = datetime(2031, 3, 7, 8, tzinfo=UTC)
AHEAD: Final = timedelta(days=90)
SUMMER: Final = date(2031, 8, 1)


@pytest.fixture
def clock(db: None) -> Iterator[time_machine.Traveller]:
    """Ahead by months, until `put_right`."""
    with time_machine.travel(RIGHT + AHEAD, tick=False) as clock:
        yield clock


def put_right(clock: time_machine.Traveller, later: timedelta = timedelta(minutes=5)) -> None:
    clock.move_to(RIGHT + later)


def signed_in(user: User) -> Client:
    client = Client()
    assert client.post("/accounts/login/", {"email": user.email, "password": PASSWORD}).status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get("/calendar/week/?station=kitchen").status_code == 200


def test_session_that_began_ahead_ends(clock: time_machine.Traveller, staff: User) -> None:
    client = signed_in(staff)
    put_right(clock)

    assert not is_in(client)


def test_session_that_began_a_little_ahead_goes_on_and_ends_in_its_time(
    clock: time_machine.Traveller, staff: User, settings: Any
) -> None:
    settings.SESSION_IDLE_SECONDS = 3600
    clock.move_to(RIGHT + timedelta(minutes=30))
    client = signed_in(staff)
    clock.move_to(RIGHT)
    goes_on = is_in(client)
    seen_at = Session.objects.get().last_seen_at
    clock.move_to(RIGHT + timedelta(minutes=61))

    assert (goes_on, seen_at, is_in(client)) == (True, RIGHT, False)


def test_password_that_was_given_ahead_is_not_recent(clock: time_machine.Traveller, staff: User) -> None:
    client = signed_in(staff)
    put_right(clock)

    assert not reauthentication.is_recent(client.session)


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_token_that_was_made_ahead_is_void(clock: time_machine.Traveller, staff: User, kind: str) -> None:
    token = str(authentication.issue_tokens(staff)[kind])
    put_right(clock)

    if kind == "access":
        answer = Client().get("/api/stations/", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
    else:
        with pytest.raises(authentication.TokenInvalid):
            authentication.spend_refresh_token(token)


@pytest.mark.parametrize("link", password_reset.LINKS)
def test_link_that_was_made_ahead_is_void(clock: time_machine.Traveller, staff: User, link: Any) -> None:
    ticket = password_reset.make_token(staff, link)
    good = password_reset.user_for_token(ticket)
    put_right(clock)

    assert (good, password_reset.user_for_token(ticket)) == (staff, None)


def test_lease_that_was_taken_ahead_does_not_hold_for_months(
    clock: time_machine.Traveller, station: Station, deliver: Deliver
) -> None:
    create(station, date=SUMMER)
    assert delivery.lease_next(timezone.now())
    put_right(clock)
    before = deliver()
    bring_forward(timezone.now())

    assert (before, deliver()) == ([], [Outcome.SENT])
    assert [mail.state for mail in Mail.objects.defer("message")] == [State.SENT]


def test_emails_that_were_put_off_ahead_are_due_again(clock: time_machine.Traveller, station: Station) -> None:
    create(station, date=SUMMER)
    ResetRequest.objects.create(email="ana@example.com", language="en")
    put_right(clock)
    bring_forward(timezone.now())

    due = [*Mail.objects.values_list("due_at", flat=True), *ResetRequest.objects.values_list("due_at", flat=True)]
    assert due == [timezone.now()] * 2


def test_emails_that_wait_for_their_time_are_left_alone(station: Station) -> None:
    create(station)
    wanted = timezone.now() + timedelta(hours=3)
    Mail.objects.update(due_at=wanted)

    bring_forward(timezone.now())

    assert Mail.objects.get().due_at == wanted


def test_emails_that_were_sent_ahead_count_against_no_limit(
    clock: time_machine.Traveller, station: Station, deliver: Deliver, settings: Any
) -> None:
    settings.MAIL_HOURLY_LIMIT_PER_STATION = settings.MAIL_DAILY_LIMIT_PER_RECIPIENT = 1
    create(station, date=SUMMER)
    deliver()
    put_right(clock)
    create(station, date=SUMMER)
    outcomes = deliver()
    limits.delete_expired(timezone.now())

    assert (outcomes, CountedMail.objects.count()) == ([Outcome.SENT], 1)


def test_heartbeats_that_were_written_ahead_are_forgotten(clock: time_machine.Traveller) -> None:
    WorkerBeat.objects.create(seen_at=timezone.now())
    put_right(clock)
    heartbeat.forget_old(timezone.now())

    assert not WorkerBeat.objects.exists()


@pytest.mark.parametrize("is_taken", [False, True])
def test_mail_about_a_booking_that_only_seems_to_be_over_is_not_lost(
    clock: time_machine.Traveller, station: Station, deliver: Deliver, database_clock_follows: None, is_taken: bool
) -> None:
    clock.move_to(RIGHT)
    create(station, date=SUMMER)
    if is_taken:
        assert delivery.lease_next(timezone.now())
    clock_check.confirm(RIGHT)
    clock.move_to(RIGHT + 3 * AHEAD)
    ClockWatch().observe(timezone.now())
    ahead = deliver()
    clock.move_to(RIGHT + timedelta(hours=1))
    bring_forward(timezone.now())

    assert (ahead, deliver()) == ([], [Outcome.SENT])


def test_what_expires_survives_a_leap_that_is_put_right(
    clock: time_machine.Traveller, staff: User, database_clock_follows: None
) -> None:
    clock.move_to(RIGHT)
    client = signed_in(staff)
    ResetRequest.objects.create(email="ana@example.com", language="en")
    worker.run_housekeeping(StopAtFirstPause())
    clock.move_to(RIGHT + AHEAD)
    worker.run_housekeeping(StopAtFirstPause())
    put_right(clock)

    assert (is_in(client), ResetRequest.objects.count()) == (True, 1)
    assert [row.pk for row in sessions.active_sessions(staff)] == [Session.objects.get().pk]
