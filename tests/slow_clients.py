"""Clients that never finish what they began to send, over raw connections."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

HEAD: Final = b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
UNFINISHED: Final = {
    "headers": b"GET /accounts/login/ HTTP/1.1\r\nHost: localhost\r\n",
    "body": HEAD + b"Content-Length: 900\r\n\r\n{",
    "chunked body": HEAD + b"Transfer-Encoding: chunked\r\n\r\n384\r\n{",
    "next request": b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n",
}
"""What each kind sends before it stops."""


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


@contextmanager
def stalled(port: int, count: int, *kinds: str) -> Iterator[list[socket.socket]]:
    """So many connections, of these kinds in turn, that stay open and silent."""
    with ExitStack() as stack:
        opened = []
        for number in range(count):
            connection = stack.enter_context(connect(port))
            connection.sendall(UNFINISHED[kinds[number % len(kinds)]])
            opened.append(connection)
        yield opened


def read_response(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers by their names in lower case, and body of one response with a Content-Length."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _blank, body = received.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _colon, value in (one.partition(": ") for one in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += _some(connection)
    return int(line.split()[1]), headers, body


def _some(connection: socket.socket) -> bytes:
    some = connection.recv(65536)
    if not some:
        raise ConnectionError("The server closed the connection.")
    return some
