"""The product's own server, with nothing in front of it, against clients that never finish their requests."""

import json
import socket
import time
from collections.abc import Iterator
from datetime import date, timedelta
from urllib.request import urlopen

import pytest

from bookings.icalendar import feeds
from tests.conftest import url_of_database
from tests.factories import bookings, open_station, staff
from tests.scripts.product import status_of, web_server
from tests.servers import free_port
from tests.slow_clients import connect, read_response, stalled

pytestmark = [pytest.mark.looks, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PATIENCE_SECONDS = 30
BODY_SECONDS = 3
STALLED = 200
LONGEST_ANSWER_SECONDS = 5
"""Far more than any answer takes, on a busy machine too, and less than a thread would be kept by an unfinished body."""
REFRESH = ("/api/auth/refresh", b'{"refresh": "made up"}')
LOGIN = b'{"email": "nobody@example.com", "password": "wrong"}'


@pytest.fixture(scope="module")
def port(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of one process with its usual number of threads."""
    number = free_port()
    log = tmp_path_factory.mktemp("web") / "log"
    limit = {"REQUEST_BODY_SECONDS": str(BODY_SECONDS)}
    with web_server(number, url_of_database(), log, seconds=PATIENCE_SECONDS, **limit):
        yield number


def post(
    connection: socket.socket, path: str, body: bytes, kind: str = "application/json"
) -> tuple[int, dict[str, str], bytes]:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return read_response(connection)


def test_others_are_answered_while_200_clients_stall(port: int) -> None:
    answered: list[tuple[int, bool]] = []
    with stalled(port, STALLED, "headers", "body", "chunked body", "next request"), connect(port) as connection:
        for _number in range(20):
            began = time.monotonic()
            status = post(connection, *REFRESH)[0]
            answered.append((status, time.monotonic() - began < LONGEST_ANSWER_SECONDS))

    assert answered == [(401, True)] * 20


def test_more_unfinished_bodies_than_threads_keep_nobody_waiting(port: int) -> None:
    with stalled(port, 30, "body"):
        began = time.monotonic()
        status = status_of(f"http://127.0.0.1:{port}/accounts/login/")

    assert (status, time.monotonic() - began < BODY_SECONDS) == (200, True)


@pytest.mark.parametrize("path", ["/api/auth/login", "/accounts/login/"])
def test_body_that_never_ends_is_given_up_in_time(port: int, path: str) -> None:
    with connect(port) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n".encode())
        deadline, status, headers = time.monotonic() + PATIENCE_SECONDS, 0, dict[str, str]()
        connection.settimeout(0.5)
        while not status and time.monotonic() < deadline:
            try:
                connection.sendall(b" ")  # one byte now and then is no progress
                status, headers, _body = read_response(connection)
            except TimeoutError:
                continue

    assert (status, headers["connection"]) == (408, "close")


def test_body_that_is_too_large_is_refused_before_it_is_sent(port: int) -> None:
    with connect(port) as connection:
        head = "POST /api/customers/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {2**40}\r\n\r\n".encode())
        status, headers, body = read_response(connection)

    refusal = {name: value for name, value in json.loads(body).items() if name != "request_id"}
    assert (status, headers["connection"]) == (413, "close")
    assert refusal == {"success": False, "error": "The request is too large. Send less at once.", "code": "too_large"}


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/api/customers/search", "application/json", 401),
        ("/nowhere/", "application/json", 404),
        ("/api/auth/login", "text/plain", 415),
        ("/api/schema/", "application/json", 405),
    ],
)
def test_connection_is_good_for_another_request_after_a_refusal(port: int, path: str, kind: str, status: int) -> None:
    body = b"x" * 200_000  # more than arrives together with the headers
    with connect(port) as connection:
        refused = post(connection, path, body, kind)
        next_one = post(connection, *REFRESH)

    assert (refused[0], next_one[0]) == (status, 401)


def test_connection_is_good_for_another_request_after_too_many(port: int) -> None:
    with connect(port) as connection:
        statuses = [post(connection, "/api/auth/login", LOGIN)[0] for _number in range(12)]
        next_one = post(connection, *REFRESH)

    assert (set(statuses), statuses[-1], next_one[0]) == ({401, 429}, 429, 401)


def test_chunked_body_is_refused_and_the_connection_closed(port: int) -> None:
    with connect(port) as connection:
        head = "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        status, headers, _body = read_response(connection)

    assert (status, headers["connection"]) == (400, "close")


def test_answer_that_is_made_piece_by_piece_arrives_whole(port: int) -> None:
    kitchen = open_station(code="kitchen")
    bookings(3, kitchen, date.today() + timedelta(days=7))
    _feed, secret = feeds.create(station=kitchen, details=False, by=staff(kitchen))

    with urlopen(f"http://127.0.0.1:{port}/feeds/{secret}.ics", timeout=PATIENCE_SECONDS) as answer:
        text = answer.read().decode()

    assert (answer.status, answer.headers["Transfer-Encoding"]) == (200, "chunked")
    assert (text.count("BEGIN:VEVENT"), text.endswith("END:VCALENDAR\r\n")) == (3, True)
