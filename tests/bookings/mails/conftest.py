"""A mail server, and a worker that sends emails to it."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from bookings.mails import delivery
from core.mail import smtp
from core.mail.smtp import Outcome, SmtpTransport
from tests.bookings.mails import smtp_server
from tests.bookings.mails.smtp_server import ScriptedSmtpServer

Deliver = Callable[..., list[Outcome]]


@pytest.fixture
def office() -> Iterator[ScriptedSmtpServer]:
    with smtp_server.running_server() as opened:
        yield opened


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says nothing is given up soon. Only where one does so: on a busy machine the best may take so long."""
    monkeypatch.setattr(smtp, "TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(smtp, "FINAL_TIMEOUT_SECONDS", 0.5)


@pytest.fixture
def deliver(office: ScriptedSmtpServer) -> Iterator[Deliver]:
    """`deliver(after=timedelta(0))`: what a worker does by then, or at most `most` mails of it; the outcomes in order."""
    with SmtpTransport(server_of(office)) as transport:

        def run(after: timedelta = timedelta(0), most: int = 100) -> list[Outcome]:
            found: list[Outcome] = []

            def now() -> datetime:
                return timezone.now() + after

            while len(found) < most and (outcome := delivery.deliver_next(transport, now=now)) is not None:
                found.append(outcome)
                if outcome is Outcome.UNAVAILABLE:
                    break
            return found

        yield run


def server_of(office: ScriptedSmtpServer) -> dict[str, object]:
    return {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": office.port, "EMAIL_HOST_USER": None, "EMAIL_HOST_PASSWORD": None}
