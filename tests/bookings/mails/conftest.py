"""A mail server, and a worker that sends emails to it."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from bookings.mails import delivery
from core.mail import smtp
from core.mail.smtp import Outcome, SmtpTransport
from tests.bookings.mails import smtp_server
from tests.bookings.mails.smtp_server import ScriptedSmtpServer

Deliver = Callable[..., list[Outcome]]


@pytest.fixture
def mail_server() -> Iterator[ScriptedSmtpServer]:
    with smtp_server.running_server() as opened:
        yield opened


@pytest.fixture
def installed_mail_server(settings: Settings, mail_server: ScriptedSmtpServer) -> None:
    """The settings of an installation that sends emails with links."""
    settings.MAIL_SERVER, settings.PUBLIC_URL = server_settings(mail_server), "https://book.example.com"


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short timeouts, for tests with a silent server only: on a busy machine, any server may take that long."""
    monkeypatch.setattr(smtp, "TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(smtp, "FINAL_TIMEOUT_SECONDS", 0.5)


@pytest.fixture
def deliver(mail_server: ScriptedSmtpServer) -> Iterator[Deliver]:
    """`deliver(after=timedelta(0))`: send what is due by then, at most `most` emails, and return the outcomes in order."""
    with SmtpTransport(server_settings(mail_server)) as transport:

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


def server_settings(mail_server: ScriptedSmtpServer) -> dict[str, object]:
    return {
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": mail_server.port,
        "EMAIL_HOST_USER": None,
        "EMAIL_HOST_PASSWORD": None,
    }
