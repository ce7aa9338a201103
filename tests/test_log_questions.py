"""The questions that `docs/monitoring.md` asks of the log by jq are answered by a log as the product writes it."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from accounts import roles
from accounts.customers import Contact
from bookings.models import Booking
from stations.models import Station
from tests import captured_log
from tests.bookings.mails.conftest import mail_server as mail_server  # a fixture
from tests.bookings.mails.conftest import server_settings
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.bookings.mails.test_outbox import create
from tests.captured_log import CapturedLog
from tests.factories import open_station, person

pytestmark = pytest.mark.looks

SLOW, FAILED, MAIL = range(3)
"""The questions, in the order of the document."""


@pytest.fixture
def log() -> Iterator[CapturedLog]:
    with captured_log.capture_log() as book:
        yield book


@pytest.fixture
def court(db: None) -> Station:
    return open_station(code="court", name="Court")


def answers(question: int, log: CapturedLog, folder: Path, **given: str) -> list[dict[str, Any]]:
    """What the document's command prints of this log, with what a server prints besides."""
    text = (settings.BASE_DIR / "docs/monitoring.md").read_text()
    command = re.findall(r"^jq (-\w+) (?:--arg \w+ \S+ )?'([^']+)' log$", text, re.M)[question]
    (folder / "log").write_text(f"Stationbook is at http://127.0.0.1:8000\n{log.text}\n{{cut o")
    arguments = [word for name, value in given.items() for word in ("--arg", name, value)]
    done = subprocess.run(
        ["jq", command[0], *arguments, command[1], folder / "log"], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_which_station_is_slow(
    station: Station, court: Station, log: CapturedLog, tmp_path: Path, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = 1
    user = person(roles.STAFF, station, court)
    client = Client()
    client.force_login(user)
    for code, waited in (("kitchen", 0), ("court", 5), ("kitchen", 1)):
        headers = {"X-Request-Start": f"t={time.time() - waited:.3f}"}
        client.get(f"/calendar/week/?station={code}", headers=headers)
    client.get("/accounts/me/")

    found = answers(SLOW, log, tmp_path)

    assert [(one["station"], one["requests"]) for one in found] == [(court.pk, 1), (station.pk, 2)]
    assert [one["p95_ms"] // 1000 for one in found] == [5, 1]


def test_who_got_500s(station: Station, log: CapturedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = person(roles.STAFF, station)
    client = Client(raise_request_exception=False)
    client.force_login(user)
    made = create(station)
    client.get("/calendar/week/")

    def crash(*_call: Any) -> Any:
        raise RuntimeError("x")

    monkeypatch.setattr(Booking.objects, "visible_to", crash)
    ids = [client.get(f"/bookings/{made.pk}/")["X-Request-Id"] for _time in range(2)]

    assert answers(FAILED, log, tmp_path) == [
        {"user": user.pk, "failed": 2, "routes": ["/bookings/<uuid:booking_id>/"], "requests": ids}
    ]


def test_why_a_mail_did_not_go(
    station: Station, log: CapturedLog, mail_server: ScriptedSmtpServer, tmp_path: Path, settings: Settings
) -> None:
    settings.MAIL_SERVER = server_settings(mail_server)
    mail_server.answers["RCPT"] = ["550 5.1.1 nobody", "250 ok"]
    refused, sent = create(station), create(station, customer=Contact("Leo", "leo@example.com"))
    call_command("deliver", "--once")

    [why] = answers(MAIL, log, tmp_path, booking=str(refused.pk))
    why.pop("time")
    assert why == {"kind": "made", "outcome": "no_such_address", "reply": "RCPT 550", "problem": None}
    assert [one["outcome"] for one in answers(MAIL, log, tmp_path, booking=str(sent.pk))] == ["sent"]
