"""How a request of granian's becomes one of WSGI's, and its answer goes back."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]

from config.rsgi import Application, Request, make_environ, respond
from core.web.queue_time import seconds_in_queue


@pytest.fixture(autouse=True)
def connections_are_left_alone() -> Iterator[None]:
    """A closed answer looks at its thread's database connections, which belong to other tests here."""
    request_finished.disconnect(close_old_connections)
    yield
    request_finished.connect(close_old_connections)


@dataclass
class Headers:
    pairs: list[tuple[str, str]]

    def items(self) -> list[tuple[str, str]]:
        return self.pairs


@dataclass
class Scope:
    """What granian tells of a request."""

    headers: Headers
    method: str = "POST"
    path: str = "/bookings/ñ/"
    query_string: str = "a=1&b=%20"
    http_version: str = "1.1"
    scheme: str = "http"
    client: str = "203.0.113.7:51234"
    server: str = "127.0.0.1:8000"


class Sent:
    """What sending returns: done, or the client is gone."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def __await__(self) -> Iterator[None]:
        if self.error:
            raise self.error
        yield from ()


@dataclass
class Protocol:
    """Takes an answer as granian does; the client goes away after so many pieces."""

    gone_after: int = 100
    head: tuple[int, list[tuple[str, str]]] | None = None
    pieces: list[bytes] = field(default_factory=list)
    is_stream: bool = False

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.head, self.pieces = (status, headers), [body]

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> "Protocol":
        self.head, self.is_stream = (status, headers), True
        return self

    def send_bytes(self, piece: bytes) -> Sent:
        if len(self.pieces) >= self.gone_after:
            return Sent(ProtocolClosed("RSGI transport is closed"))
        self.pieces.append(piece)
        return Sent()


def environ(*headers: tuple[str, str], **scope: str) -> dict[str, Any]:
    return make_environ(Scope(Headers(list(headers)), **scope))  # type: ignore[arg-type]


def test_environ_is_as_wsgi_has_it() -> None:
    made = environ(("host", "localhost"), ("content-type", "application/json"), ("content-length", "12"))

    told = {name: value for name, value in made.items() if not name.startswith("wsgi.")}
    assert told == {
        "SCRIPT_NAME": "",
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/bookings/Ã±/",
        "QUERY_STRING": "a=1&b=%20",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "REMOTE_ADDR": "203.0.113.7",
        "HTTP_HOST": "localhost",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": "12",
    }


def test_environ_of_an_ipv6_client_has_no_brackets() -> None:
    assert environ(client="[2001:db8::1]:51234")["REMOTE_ADDR"] == "2001:db8::1"


def test_header_that_comes_twice_is_joined_in_its_order() -> None:
    made = environ(
        ("x-forwarded-for", "198.51.100.9"), ("cookie", "a=1"), ("cookie", "b=2"), ("x-forwarded-for", "203.0.113.7")
    )

    assert made["HTTP_X_FORWARDED_FOR"] == "198.51.100.9,203.0.113.7"
    assert made["HTTP_COOKIE"] == "a=1; b=2"


def test_header_with_an_underscore_passes_for_no_other() -> None:
    made = environ(
        ("x-forwarded-for", "203.0.113.7"), ("x_forwarded_for", "198.51.100.9"), ("x_forwarded-proto", "https")
    )

    assert made["HTTP_X_FORWARDED_FOR"] == "203.0.113.7"
    assert "HTTP_X_FORWARDED_PROTO" not in made


def answered(response: Any, protocol: Protocol, *, is_read: bool = True) -> Protocol:
    def application(_environ: dict[str, Any], start_response: Any) -> Any:
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return response

    loop = asyncio.new_event_loop()
    request = Request({}, protocol, loop)  # type: ignore[arg-type]
    request.is_read = is_read
    try:
        respond(application, request)  # type: ignore[arg-type]
    finally:
        loop.close()
    return protocol


def test_answer_is_sent_in_one_piece() -> None:
    sent = answered(HttpResponse(b"body", status=404, content_type="text/plain"), Protocol())

    assert (sent.head, sent.pieces, sent.is_stream) == (
        (404, [("Content-Type", "text/plain")]),
        [b"body"],
        False,
    )


def test_answer_to_a_request_whose_body_was_left_unread_closes_the_connection() -> None:
    sent = answered(HttpResponse(b"body", status=413, content_type="text/plain"), Protocol(), is_read=False)

    assert sent.head == (413, [("Content-Type", "text/plain"), ("Connection", "close")])


def test_file_is_sent_in_one_piece(tmp_path: Any) -> None:
    (tmp_path / "style.css").write_bytes(b"x" * 10_000)
    sent = answered(FileResponse((tmp_path / "style.css").open("rb")), Protocol())

    assert (sent.pieces, sent.is_stream) == ([b"x" * 10_000], False)


def test_answer_without_a_length_is_sent_as_it_is_made() -> None:
    sent = answered(StreamingHttpResponse(iter([b"a", b"b"])), Protocol())

    assert (sent.pieces, sent.is_stream) == ([b"a", b"b"], True)


def test_answer_to_a_client_that_has_gone_is_not_made_to_its_end() -> None:
    made: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(100):
            made.append(number)
            yield b"x"

    response = StreamingHttpResponse(pieces())
    with pytest.raises(ProtocolClosed):
        answered(response, Protocol(gone_after=3))

    assert (len(made), response.closed) == (4, True)


def test_request_that_waits_for_the_only_thread_waited_for_that_long() -> None:
    waits: list[float] = []

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        waits.append(seconds_in_queue(environ, now=time.time(), perf_now=time.perf_counter()))
        time.sleep(0.05)
        start_response("200 OK", [])
        return HttpResponse()

    async def ask_twice() -> None:
        served = Application(application, threads=1, body_seconds=1, body_bytes=1)  # type: ignore[arg-type]
        served.__rsgi_init__(asyncio.get_running_loop())
        scope, protocol = Scope(Headers([])), Protocol()
        await asyncio.gather(*(served.__rsgi__(scope, protocol) for _time in range(2)))  # type: ignore[arg-type]

    with ThreadPoolExecutor(1) as thread:  # of its own: the browser's tests keep a loop running in this one
        thread.submit(asyncio.run, ask_twice()).result()

    assert waits[0] < 0.05 <= waits[1]
