"""Three workers with three mails each, killed at random points: every mail arrives, and twice only where the mark was cut off."""

import os
import random
import signal
import subprocess
import sys
import time
from typing import Final

import pytest
from django.db import connection

from bookings.mails import outbox
from bookings.models import Mail
from bookings.models.mail_state import State
from stations.models import Station
from tests.bookings.mails.killable_workers import SENDERS
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.bookings.mails.test_outbox import ANA
from tests.factories import bookings, open_station

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

WORKERS: Final = 3
PATIENCE_SECONDS: Final = 300


@pytest.fixture
def station(transactional_db: None) -> Station:
    return open_station(code="kitchen", name="Kitchen", capacity=1_000)


class Crew:
    """Three workers, of which one after another is killed; a new one takes its place."""

    def __init__(self, database_url: str, mail_server: ScriptedSmtpServer) -> None:
        environment = os.environ | {"DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        command = [sys.executable, "-W", "error", "-m", "tests.bookings.mails.killable_workers", str(mail_server.port)]
        pipe = subprocess.PIPE
        self._stable = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)
        self._working: list[int] = []
        self.killed = 0

    def __enter__(self) -> "Crew":
        for _worker in range(WORKERS):
            self._set_to_work()
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._working:
            os.kill(worker, signal.SIGKILL)
        self._stable.communicate()

    def _set_to_work(self) -> None:
        assert self._stable.stdin
        assert self._stable.stdout
        self._stable.stdin.write("one\n")
        self._stable.stdin.flush()
        self._working.append(int(self._stable.stdout.readline()))

    def lose_one(self) -> None:
        """Fails where the worker has ended by itself."""
        os.kill(self._working.pop(random.randrange(WORKERS)), signal.SIGKILL)
        self.killed += 1
        self._set_to_work()


def open_mails() -> int:
    return Mail.objects.exclude(state=State.SENT).count()


@pytest.mark.parametrize("count", [40, pytest.param(1_000, marks=pytest.mark.long)])
def test_killed_workers_lose_nothing(
    station: Station, database_url: str, mail_server: ScriptedSmtpServer, count: int
) -> None:
    mail_server.max_delay = 0.05  # so that some are killed in the window, too: taken by the server, and not yet marked
    outbox.queue_created(bookings(count, station, customer=ANA))
    until = time.monotonic() + PATIENCE_SECONDS

    with Crew(database_url, mail_server) as crew:
        while open_mails() and time.monotonic() < until:
            time.sleep(random.uniform(0.01, 0.1))
            if crew.killed < count // 8 and Mail.objects.filter(state=State.WAITING).exists():
                crew.lose_one()

    twice = {name: times for name, times in mail_server.ids.items() if times > 1}
    print(f"{connection.vendor}: {count} mails, {crew.killed} workers killed, {len(twice)} came twice")
    assert open_mails() == 0
    assert len(mail_server.ids) == count
    assert sum(mail_server.ids.values()) - count <= crew.killed * SENDERS
    for name in twice:
        assert len({message.as_bytes() for message in mail_server.kept if message["Message-ID"] == name}) == 1
