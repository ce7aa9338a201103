"""A web server that is told to stop answers what it has in hand, and ends."""

import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from accounts import roles
from accounts.auth.authentication import issue_tokens
from bookings.models import Booking
from stations.models import Station
from tests.factories import booking, open_station, person
from tests.scripts.product import web_server
from tests.servers import free_port

PATIENCE_SECONDS = 30
IN_HAND_SECONDS = 1.0


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def web(port: int, database_url: str, tmp_path: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """The product's own server, on the test's database."""
    with web_server(port, database_url, tmp_path / "web.log", seconds=PATIENCE_SECONDS) as server:
        yield server.process


class Move(threading.Thread):
    """A booking is moved by the API, and the answer kept."""

    def __init__(self, port: int, made: Booking) -> None:
        super().__init__()
        token = issue_tokens(person(roles.STAFF, made.station))["access"]
        self.request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/bookings/admin/{made.pk}",
            data=f'{{"date": "{made.date}", "slot": "20:00"}}'.encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            method="PATCH",
        )
        self.status: Any = None

    def run(self) -> None:
        try:
            with urllib.request.urlopen(self.request, timeout=PATIENCE_SECONDS) as answer:
                self.status = answer.status
        except OSError as error:
            self.status = error


@contextmanager
def held(station: Station) -> Iterator[None]:
    """Whoever wants to write at the station waits: on SQLite for the one writer there is, on PostgreSQL for its row."""
    with transaction.atomic():
        list(Station.objects.filter(pk=station.pk).locked())
        yield


@pytest.mark.slow
def test_web_server_told_to_stop_answers_what_it_has_in_hand(
    web: "subprocess.Popen[bytes]", port: int, transactional_db: None
) -> None:
    made = booking(open_station(code="kitchen"))
    move = Move(port, made)
    with held(made.station):
        move.start()
        time.sleep(IN_HAND_SECONDS)
        web.terminate()
        time.sleep(IN_HAND_SECONDS)
        still = web.poll()
    move.join(PATIENCE_SECONDS)
    code = web.wait(PATIENCE_SECONDS)
    connection.close()

    assert (still, move.status, code) == (None, 200, 0)
    assert f"{Booking.objects.get(pk=made.pk).slot:%H:%M}" == "20:00"
