"""The worker's rounds: what it does when told to stop, while a server or the database is away, and what it forgets."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from itertools import pairwise
from threading import Event, Thread
from typing import Any, Final

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken

from accounts import roles
from accounts.auth import authentication
from accounts.models import Session, User
from bookings import services
from bookings.mails import delivery, reminders
from bookings.models import Mail
from bookings.models.mail_state import Kind, State
from bookings.operations import worker
from bookings.operations.worker import Round, Stop
from core.mail.smtp import Envelope, Outcome, SmtpTransport
from stations.models import Station
from tests.bookings.mails.conftest import Deliver, server_settings
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.bookings.mails.test_outbox import ANA, LATER, create, mails
from tests.factories import booking, open_station

PATIENCE_SECONDS: Final = 60
alone = pytest.mark.django_db(transaction=True)


@pytest.fixture
def kitchen(transactional_db: None) -> Station:
    """What is written at it is seen by others."""
    return open_station(code="kitchen", name="Kitchen", capacity=100)


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def states() -> list[str]:
    return [mail.state for mail in Mail.objects.order_by("created_at").defer("message")]


class Listening(Stop):
    """Does not sleep but notes how long it would have; `at` says what happens during which pause."""

    def __init__(self, at: dict[int, Callable[[], object]]) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._at = at

    def wait(self, seconds: float = float("inf")) -> None:
        self.waits.append(seconds)
        self._at.get(len(self.waits), lambda: None)()


@pytest.mark.django_db
def test_pauses_grow_while_the_server_is_away_and_mails_go_when_it_is_back(
    station: Station, mail_server: ScriptedSmtpServer
) -> None:
    made = create(station)
    mail_server.close()
    stop = Listening({9: mail_server.open, 10: lambda: stop.request()})

    with SmtpTransport(server_settings(mail_server)) as transport:
        worker.run(transport, stop)

    away, idle = stop.waits[:9], stop.waits[9:]
    assert all(later > sooner for sooner, later in pairwise(away[:6]))
    assert max(away) <= 1.5 * worker.LONGEST_PAUSE_SECONDS
    assert idle == [worker.IDLE_SECONDS]
    assert (mails(made), len(mail_server.received)) == ([(Kind.MADE, State.SENT, "")], 1)


@pytest.mark.django_db
def test_worker_without_mails_keeps_no_line_open(station: Station, mail_server: ScriptedSmtpServer) -> None:
    create(station)
    stop = Listening({1: lambda: stop.request()})

    with SmtpTransport(server_settings(mail_server)) as transport:
        worker.run(transport, stop)

        assert transport._backend.connection is None


def test_round_that_goes_wrong_waits_for_its_next_turn_and_holds_up_nothing() -> None:
    turns: list[object] = []

    def work(now: object) -> None:
        turns.append(now)
        raise ZeroDivisionError

    one, now = Round(work, timedelta(minutes=1)), timezone.now()
    with pytest.raises(ZeroDivisionError):
        one.run_if_due(now)
    one.run_if_due(now + timedelta(seconds=59))
    with pytest.raises(ZeroDivisionError):
        one.run_if_due(now + timedelta(seconds=60))

    assert turns == [now, now + timedelta(seconds=60)]


def test_clock_that_is_put_back_stops_no_round() -> None:
    turns: list[object] = []
    one, now = Round(turns.append, timedelta(minutes=1)), timezone.now()

    for moment in (now, now - timedelta(days=1), now - timedelta(days=1, seconds=-59), now - timedelta(hours=23)):
        one.run_if_due(moment)

    assert turns == [now, now - timedelta(days=1), now - timedelta(hours=23)]


@alone
def test_whatever_goes_wrong_in_a_round_the_worker_goes_on(
    kitchen: Station, mail_server: ScriptedSmtpServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(now: object) -> None:
        raise ValueError("ana@example.com")

    monkeypatch.setattr(reminders, "queue_due", broken)
    create(kitchen)
    stop = Listening({2: lambda: stop.request()})

    with SmtpTransport(server_settings(mail_server)) as transport:
        worker.run(transport, stop)

    assert (len(mail_server.received), stop.waits[1]) == (1, worker.IDLE_SECONDS)
    assert "Emails cannot be sent now, and are tried again soon: ValueError (" in caplog.text
    assert "ana@" not in caplog.text


class Gate(Stop):
    """Holds the worker where it would nap, until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.opened = Event(), Event()

    def wait(self, seconds: float = float("inf")) -> None:
        self.reached.set()
        assert self.opened.wait(PATIENCE_SECONDS)
        super().wait(seconds)


@contextmanager
def working(transport: SmtpTransport, stop: Stop, *, until: Callable[[], object] = lambda: True) -> Iterator[None]:
    """A worker beside the test, in a thread, until the condition holds after the block."""

    def work() -> None:
        if connection.vendor == "sqlite":
            connection.cursor().execute("PRAGMA busy_timeout = 100")
        try:
            worker.run(transport, stop)
        finally:
            connection.close()

    thread = Thread(target=work)
    thread.start()
    try:
        yield
        wait_for(until)
    finally:
        stop.request()
        thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def end_the_connections() -> Callable[[], object]:
    """As an administrator does, or a server that is started again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    return lambda: None


def keep_the_file_locked() -> Callable[[], object]:
    """As another program does that writes for longer than anybody waits."""
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other.close


TAKE_THE_DATABASE_AWAY: Final = {"postgresql": end_the_connections, "sqlite": keep_the_file_locked}


@pytest.mark.slow
@alone
def test_database_that_goes_away_is_waited_for(
    kitchen: Station, mail_server: ScriptedSmtpServer, caplog: pytest.LogCaptureFixture
) -> None:
    create(kitchen)
    gate = Gate()
    with (
        SmtpTransport(server_settings(mail_server)) as transport,
        working(transport, gate, until=lambda: states() == [State.SENT] * 2),
    ):
        assert gate.reached.wait(PATIENCE_SECONDS)
        create(kitchen)
        bring_back = TAKE_THE_DATABASE_AWAY[connection.vendor]()
        gate.opened.set()
        wait_for(lambda: "Emails cannot be sent now, and are tried again soon: OperationalError" in caplog.text)
        bring_back()

    assert list(mail_server.ids.values()) == [1, 1]


@alone
def test_outcome_is_saved_over_a_new_connection_after_an_error(
    kitchen: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "SETTLE_RETRY_SECONDS", 0)
    connected: list[bool] = []

    def settle(*_args: object) -> None:
        connected.append(connection.connection is not None)
        if len(connected) == 1:
            raise OperationalError

    monkeypatch.setattr(delivery, "settle", settle)

    delivery._settle_with_retries(Mail(), Outcome.SENT, timezone.now)

    assert connected == [True, False]


@alone
def test_mark_is_not_lost_to_a_database_that_goes_away_meanwhile(
    kitchen: Station, mail_server: ScriptedSmtpServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "SETTLE_RETRY_SECONDS", 0.05)
    gone, back = Event(), Event()

    class Slow(SmtpTransport):
        def send(self, envelope: Envelope, may_send: Callable[[], bool] = lambda: True) -> Outcome:
            outcome = super().send(envelope, may_send)
            gone.set()
            assert back.wait(PATIENCE_SECONDS)
            return outcome

    create(kitchen)
    with (
        Slow(server_settings(mail_server)) as transport,
        working(transport, Stop(), until=lambda: states() == [State.SENT]),
    ):
        assert gone.wait(PATIENCE_SECONDS)
        bring_back = TAKE_THE_DATABASE_AWAY[connection.vendor]()
        back.set()
        wait_for(lambda: "could not be saved yet: OperationalError" in caplog.text)
        bring_back()

    assert list(mail_server.ids.values()) == [1]


@alone
def test_server_that_says_nothing_keeps_nobody_from_writing(kitchen: Station, mail_server: ScriptedSmtpServer) -> None:
    """Nor is a transaction open while it is spoken to."""
    open_meanwhile: list[bool] = []

    class Watched(SmtpTransport):
        def send(self, envelope: Envelope, may_send: Callable[[], bool] = lambda: True) -> Outcome:
            open_meanwhile.append(connection.in_atomic_block)
            return super().send(envelope, may_send)

    made = create(kitchen)
    mail_server.answers["DATA"] = ["stall"]
    with Watched(server_settings(mail_server)) as transport, working(transport, Stop()):
        wait_for(lambda: len(mail_server.received) == 1)

        create(kitchen)
        services.reschedule(made.pk, to=LATER, by=roles.OPERATOR)

        assert Mail.objects.filter(booking=made.pk, state=State.SENDING).exists()
        mail_server.give_up.set()

    assert set(open_meanwhile) == {False}


def deliver_alone(database_url: str, mail_server: ScriptedSmtpServer, *words: str) -> "subprocess.Popen[str]":
    environment = {
        "DATABASE_URL": database_url,
        "EMAIL_URL": mail_server.url,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }
    return subprocess.Popen(
        [sys.executable, "-W", "error", "manage.py", "deliver", *words],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@alone
@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_worker_told_to_stop_finishes_the_mail_in_hand_and_says_nothing(
    kitchen: Station, database_url: str, mail_server: ScriptedSmtpServer, told: signal.Signals
) -> None:
    create(kitchen)
    mail_server.answers["DATA"] = ["wait"]
    process = deliver_alone(database_url, mail_server)
    wait_for(lambda: len(mail_server.received) == 1 or process.poll() is not None)
    create(kitchen)

    process.send_signal(told)
    mail_server.give_up.set()
    out, errors = process.communicate(timeout=PATIENCE_SECONDS)

    assert (process.returncode, out, errors) == (0, "", "")
    assert states() == [State.SENT, State.WAITING]


@pytest.mark.django_db
def test_text_is_kept_for_thirty_days_and_that_it_was_said_for_good(station: Station, deliver: Deliver) -> None:
    made = create(station)
    deliver()
    mail = Mail.objects.get()
    assert mail.ended_at

    worker.tidy(mail.ended_at + timedelta(days=30))
    kept = Mail.objects.get().message
    worker.tidy(mail.ended_at + timedelta(days=30, seconds=1))

    assert (kept is None, Mail.objects.get().message) == (False, None)
    assert mails(made) == [(Kind.MADE, State.SENT, "")]


@pytest.mark.django_db
def test_text_of_a_mail_on_its_way_is_kept_however_long_it_takes(station: Station) -> None:
    create(station)
    assert delivery.lease_next(timezone.now())

    worker.tidy(timezone.now() + timedelta(days=365))

    assert Mail.objects.get().message


@pytest.mark.django_db
def test_sessions_and_spent_tokens_are_forgotten_once_they_are_over(staff: User) -> None:
    refresh = authentication.issue_tokens(staff)["refresh"]
    authentication.refresh_tokens(refresh)
    Client().force_login(staff)

    worker.tidy(timezone.now())
    kept = Session.objects.count(), BlacklistedToken.objects.count()
    worker.tidy(timezone.now() + timedelta(days=3))

    assert (kept, Session.objects.count(), BlacklistedToken.objects.count()) == ((1, 1), 0, 0)


def once(settings: Any, mail_server: ScriptedSmtpServer | None) -> str:
    settings.MAIL_SERVER = server_settings(mail_server) if mail_server else {}
    out = StringIO()
    call_command("deliver", once=True, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_once_sends_what_is_due_and_says_how_much_went_and_waits(
    station: Station, mail_server: ScriptedSmtpServer, settings: Any
) -> None:
    create(station)
    moved = booking(station, customer=ANA)
    services.reschedule(moved.pk, to=LATER, by=roles.OPERATOR)

    assert once(settings, mail_server) == "1 sent, 1 waiting.\n"
    assert states() == [State.SENT, State.WAITING]


@pytest.mark.django_db
def test_once_with_a_server_that_is_away_sends_nothing_and_loses_nothing(
    station: Station, mail_server: ScriptedSmtpServer, settings: Any
) -> None:
    create(station)
    mail_server.close()

    assert once(settings, mail_server) == "0 sent, 1 waiting.\n"


@pytest.mark.django_db
def test_once_without_a_server_says_what_to_set(station: Station, settings: Any) -> None:
    create(station)

    assert (
        once(settings, None) == "No mail server is set, so 1 emails wait in the outbox. Set EMAIL_URL to send them.\n"
    )
    assert states() == [State.WAITING]


@pytest.mark.django_db
@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_worker_logs_of_what_goes_well_only_ids(
    station: Station, deliver: Deliver, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    caplog.set_level(level)
    made = create(station)
    caplog.clear()

    deliver()

    [line] = [record for record in caplog.records if record.name.startswith("bookings.")]
    ids = {"mail": str(Mail.objects.get().pk), "booking": str(made.pk), "station": station.pk}
    assert line.message == "mail"
    assert line.__dict__["fields"] == {"kind": "made", "outcome": "sent", **ids}
