"""A database that is full, that may only be read, or that goes and comes back: told clearly, and mended by itself."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client

from accounts import roles
from accounts.auth import authentication
from bookings.models import Booking
from config.wsgi import application
from stations.models import Station
from tests.bookings.api.caller import Caller
from tests.bookings.crash_scenarios import disagreements, rows
from tests.factories import customer, open_station, person
from tests.servers import scratch

POSTGRES: Final = Path(__file__).parents[3] / "script/_postgres.sh"
NEW: Final = {"station": "kitchen", "date": "2031-03-07", "slot": "20:00", "party_adults": 2}


@contextmanager
def pragma(name: str, value: int, usual: int) -> Iterator[None]:
    """As SQLite is told for a while."""
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {name} = {value}")
        yield
        cursor.execute(f"PRAGMA {name} = {usual}")


def pages() -> int:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA page_count")
        return int(cursor.fetchone()[0])


@pytest.fixture
def kitchen(transactional_db: None) -> Station:
    return open_station(code="kitchen", capacity=999)


@pytest.mark.sqlite
@pytest.mark.parametrize("what", ["full", "read only"])
def test_full_disk_is_reported_and_nothing_is_half_written(kitchen: Station, what: str) -> None:
    caller = Caller(person(roles.STAFF, kitchen))
    customer(kitchen)
    wanted = {**NEW, "customer": {"name": "x" * 200}, "special_requests": "y" * 2000}
    before = rows()
    told = pragma("max_page_count", pages(), 1 << 30) if what == "full" else pragma("query_only", 1, 0)

    answers = []
    with told:
        for _try in range(9):  # the last page may have room for some
            answers.append(caller.post("/api/bookings/", wanted))
            if answers[-1].status_code != 201:
                break

    made = [answer for answer in answers if answer.status_code == 201]
    assert (answers[-1].status_code, answers[-1].json()["code"]) == (503, "unavailable")
    assert Booking.objects.count() == len(made)
    assert made or rows() == before
    assert disagreements() == []
    assert caller.post("/api/bookings/", wanted).status_code == 201


@pytest.mark.sqlite
def test_full_disk_is_reported_plainly_on_a_page(kitchen: Station) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(person(roles.STAFF, kitchen))
    words = {**NEW, "slots": 1, "party_kids": 0, "status": "confirmed"}

    with pragma("query_only", 1, 0):
        answer = client.post("/bookings/new/", words)

    assert answer.status_code == 503
    assert "The service is busy. Try again in a moment." in answer.content.decode()
    assert not Booking.objects.exists()


class Throwaway:
    """A PostgreSQL of its own, that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = self._say(f'start_postgres "{folder}" on; echo "$DATABASE_URL"')

    def _say(self, words: str) -> str:
        script = f'die() {{ echo "$*" >&2; exit 1; }}; . "{POSTGRES}"; {words}'
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def stop(self) -> None:
        self._say(f'stop_postgres "{self.folder}"')

    def start(self) -> None:
        options = f"-k '{self.folder}' -c listen_addresses=''"
        self._say(
            f"as_postgres \"'$(postgres_bin)/pg_ctl' -D '{self.folder}/data' -l '{self.folder}/log' -w start"
            f' -o \\"{options}\\" >/dev/null"'
        )


@pytest.fixture
def throwaway(transactional_db: None) -> Iterator[Throwaway]:
    """In the place of the tests' database, with a station and somebody of its staff."""
    with scratch() as folder:
        server = Throwaway(folder / "pg")
        usual = dict(connection.settings_dict)
        connections.close_all()
        connection.settings_dict.update(NAME="postgres", HOST=str(server.folder), PORT="", USER="stationbook")
        connection.settings_dict.update(CONN_MAX_AGE=600, CONN_HEALTH_CHECKS=True)
        try:
            call_command("migrate", verbosity=0)
            yield server
        finally:
            connections.close_all()
            connection.settings_dict.update(usual)
            server.stop()


def asked(method: str, path: str, token: str, body: bytes = b"") -> tuple[int, bytes]:
    """By the server's own door, which looks at its connections before each request, as Django's test client does not."""
    path, _mark, query = path.partition("?")
    told: list[str] = []

    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"Bearer {token}",
    }

    def begin(status: str, headers: Any, error: Any = None) -> Callable[[bytes], object]:
        told.append(status)
        return sys.stdout.buffer.write

    answer = application(environ, begin)
    content = b"".join(answer)
    answer.close()
    return int(told[0][:3]), content


@pytest.mark.long
@pytest.mark.postgresql
def test_database_that_stops_and_starts_is_reported_and_found_again(throwaway: Throwaway) -> None:
    kitchen = open_station(code="kitchen", capacity=99)
    token = str(authentication.issue_tokens(person(roles.STAFF, kitchen))["access"])
    new = b'{"station": "kitchen", "date": "2031-03-07", "slot": "20:00", "party_adults": 2}'
    assert asked("POST", "/api/bookings/", token, new)[0] == 201

    throwaway.stop()
    api = asked("POST", "/api/bookings/", token, new)
    page = asked("GET", "/accounts/login/", "")
    calendar = asked("GET", "/api/bookings/admin/weekly?date_from=2031-03-07&date_to=2031-03-07", token)
    throwaway.start()

    assert (api[0], b'"code":"unavailable"' in api[1].replace(b": ", b":")) == (503, True)
    assert calendar[0] == 503
    assert page[0] in (200, 503)
    assert asked("POST", "/api/bookings/", token, new)[0] == 201  # the first that comes
    assert Booking.objects.count() == 2
    assert disagreements() == []
