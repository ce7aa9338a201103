"""A worker that sends several mails at once, each over a connection of its own."""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from threading import Event, Thread
from typing import Any, Final

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.customers import Contact
from bookings.mails import delivery, outbox
from bookings.mails.senders import Senders
from bookings.models import Booking, Mail
from bookings.models.mail_state import Kind, State
from bookings.operations import worker
from bookings.operations.worker import Stop
from core.mail.smtp import Outcome, SmtpTransport
from stations.models import Station
from tests.bookings.mails.conftest import server_settings
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.bookings.mails.test_outbox import ANA
from tests.factories import bookings, open_station

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS: Final = 60


@pytest.fixture
def kitchen(transactional_db: None) -> Station:
    return open_station(code="kitchen", name="Kitchen", capacity=100)


def queue(count: int, station: Station) -> list[Booking]:
    """A mail for each of so many bookings."""
    made = bookings(count, station, customer=ANA)
    outbox.queue_created(made)
    return made


def senders_for(mail_server: ScriptedSmtpServer, most: int) -> Senders:
    return Senders(most, partial(SmtpTransport, server_settings(mail_server)), pause_after=lambda troubles: 0.05)


def run_once(mail_server: ScriptedSmtpServer, most: int) -> int:
    with SmtpTransport(server_settings(mail_server)) as transport:
        return worker.run_once(transport, senders_for(mail_server, most))


@contextmanager
def thread_of(work: Any) -> Iterator[None]:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def test_mails_are_sent_several_at_once_over_connections_that_are_kept(
    kitchen: Station, mail_server: ScriptedSmtpServer
) -> None:
    mail_server.max_delay = 0.1
    queue(16, kitchen)

    sent = run_once(mail_server, 3)

    assert (sent, len(mail_server.ids), sum(mail_server.ids.values())) == (16, 16, 16)
    assert 2 <= mail_server.max_concurrent <= 4
    assert len(mail_server.clients) <= 4
    assert set(Mail.objects.values_list("state", flat=True)) == {State.SENT}


def test_one_mail_opens_one_connection(kitchen: Station, mail_server: ScriptedSmtpServer) -> None:
    queue(1, kitchen)
    senders = senders_for(mail_server, 3)
    with SmtpTransport(server_settings(mail_server)) as transport:
        worker.run_once(transport, senders)

    assert (senders._threads, len(mail_server.clients)) == ([], 1)


def test_senders_close_their_connections_when_nothing_is_due(kitchen: Station, mail_server: ScriptedSmtpServer) -> None:
    queue(8, kitchen)
    transports: list[SmtpTransport] = []

    def connect() -> SmtpTransport:
        transports.append(SmtpTransport(server_settings(mail_server)))
        return transports[-1]

    with connect() as own:
        worker.run_once(own, Senders(3, connect, pause_after=lambda troubles: 0.05))

    assert len(transports) == 4
    assert [transport._backend.connection for transport in transports] == [None] * 4


def test_server_that_takes_one_connection_only_gets_every_mail_over_it(
    kitchen: Station, mail_server: ScriptedSmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As servers with a limit for each client: the newest connection is turned away, and that is no attempt of the mail's."""
    queue(8, kitchen)
    open_one = SmtpTransport._open
    first: list[SmtpTransport] = []

    def open_only(transport: SmtpTransport) -> Any:
        first[:] = first or [transport]
        return open_one(transport) if transport is first[0] else None

    monkeypatch.setattr(SmtpTransport, "_open", open_only)
    with SmtpTransport(server_settings(mail_server)) as transport:
        first[:] = [transport]
        sent = worker.run_once(transport, senders_for(mail_server, 3))
    while left := Mail.objects.filter(state=State.WAITING).count():
        with SmtpTransport(server_settings(mail_server)) as transport:
            first[:] = [transport]
            sent += worker.run_once(transport)
        assert left > Mail.objects.filter(state=State.WAITING).count()

    assert (sent, sum(mail_server.ids.values())) == (8, 8)
    assert set(Mail.objects.values_list("state", "attempts")) == {(State.SENT, 0)}


def test_senders_rest_after_they_were_turned_away(mail_server: ScriptedSmtpServer) -> None:
    asked: list[int] = []

    def send_next(transport: SmtpTransport) -> Outcome:
        asked.append(1)
        return Outcome.UNAVAILABLE

    senders = Senders(
        1, partial(SmtpTransport, server_settings(mail_server)), pause_after=lambda troubles: 0.2 * troubles
    )
    for _again in range(3):
        senders.start(1, send_next, Stop())
        senders.finish()
    assert len(asked) == 1

    time.sleep(0.25)
    senders.start(1, send_next, Stop())
    senders.finish()

    assert len(asked) == 2


def test_pause_is_as_after_a_first_failure_when_an_email_was_sent_in_between(mail_server: ScriptedSmtpServer) -> None:
    outcomes = iter([Outcome.UNAVAILABLE, Outcome.SENT, Outcome.UNAVAILABLE])
    failures: list[int] = []

    def pause_after(count: int) -> float:
        failures.append(count)
        return 0

    senders = Senders(1, partial(SmtpTransport, server_settings(mail_server)), pause_after=pause_after)
    for _again in range(2):
        senders.start(1, lambda _transport: next(outcomes), Stop())
        senders.finish()

    assert failures == [1, 1]


def test_error_ends_a_sender_and_not_the_worker(
    kitchen: Station, mail_server: ScriptedSmtpServer, caplog: pytest.LogCaptureFixture
) -> None:
    def send_next(transport: SmtpTransport) -> Outcome:
        raise ZeroDivisionError

    senders = senders_for(mail_server, 1)
    senders.start(1, send_next, Stop())
    senders.finish()

    assert "Emails cannot be sent now, and are tried again soon: ZeroDivisionError" in caplog.text


def test_senders_told_to_stop_finish_the_mails_in_hand(kitchen: Station, mail_server: ScriptedSmtpServer) -> None:
    queue(8, kitchen)
    mail_server.answers["DATA"] = ["wait"] * 2
    stop = Stop()
    with (
        SmtpTransport(server_settings(mail_server)) as transport,
        thread_of(lambda: worker.run(transport, stop, senders=senders_for(mail_server, 1))),
    ):
        until = time.monotonic() + PATIENCE_SECONDS
        while len(mail_server.received) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        stop.request()
        for _answer in range(2):
            mail_server.give_up.set()
            time.sleep(0.1)

    states = Counter(Mail.objects.values_list("state", flat=True))
    assert states == {State.SENT: 2, State.WAITING: 6}


@pytest.mark.postgresql
def test_second_mail_of_a_booking_waits_while_the_first_is_being_taken(kitchen: Station) -> None:
    """By a worker whose transaction has yet to end, so that its mail is not seen to be on its way."""
    [made] = queue(1, kitchen)
    Mail.objects.create(
        booking=made, station=kitchen, kind=Kind.REMINDER, reminds_of=made.starts_at, due_at=timezone.now()
    )
    is_taken, goes_on = Event(), Event()

    def take_slowly() -> None:
        with transaction.atomic():
            assert delivery.lease_next(timezone.now() + timedelta(seconds=1))
            is_taken.set()
            goes_on.wait(PATIENCE_SECONDS)

    with thread_of(take_slowly):
        is_taken.wait(PATIENCE_SECONDS)
        found = delivery.lease_next(timezone.now() + timedelta(seconds=1))
        goes_on.set()

    assert found is None
    assert Mail.objects.filter(state=State.SENDING).count() == 1


def test_limits_hold_while_several_are_sent_at_once(
    kitchen: Station, mail_server: ScriptedSmtpServer, settings: Any
) -> None:
    settings.MAIL_HOURLY_LIMIT_PER_STATION = 5
    mail_server.max_delay = 0.05
    outbox.queue_created(
        [made for n in range(12) for made in bookings(1, kitchen, customer=Contact("Bo", f"bo{n}@example.com"))]
    )

    assert run_once(mail_server, 3) == 5
    assert sum(mail_server.ids.values()) == 5


def test_worker_warns_of_nothing_while_several_are_sent(
    kitchen: Station, mail_server: ScriptedSmtpServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    queue(4, kitchen)
    caplog.clear()

    run_once(mail_server, 3)

    assert [record for record in caplog.records if record.name.startswith("bookings.")] == []
