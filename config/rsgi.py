"""What the server loads: Django's WSGI application behind granian's asynchronous interface (RSGI).

Over WSGI a thread waits for the body of its request, so that a few clients which never finish theirs would occupy every thread.
Here the event loop waits, for as long as `REQUEST_BODY_SECONDS`, and a thread gets a request only when its body is complete.
"""

import asyncio
import logging
import sys
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from typing import Any, Final

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from granian.rsgi import HTTPProtocol, ProtocolClosed, ProtocolError, Scope  # type: ignore[attr-defined]

from config.wsgi import application as wsgi_application

# isort: split
# What is imported from here on needs the apps, which the line above has loaded.
from config.middleware import BODY_TIMED_OUT
from config.watching import BrokeOff

log = logging.getLogger(__name__)

_ENVIRON: Final[dict[str, Any]] = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
_NOT_PREFIXED: Final = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


class Application:
    """Reads bodies on the event loop and answers in a fixed number of threads, each with its own database connection."""

    def __init__(self, application: WSGIHandler, *, threads: int, body_seconds: float, body_bytes: int) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="web")
        self._body_seconds = body_seconds
        self._body_bytes = body_bytes

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        environ = make_environ(scope)
        try:
            is_read = await self._read_body(environ, protocol)
        except (ProtocolClosed, ProtocolError):  # the client is gone
            return
        loop = asyncio.get_running_loop()
        answered: Future[None] = loop.create_future()
        self._threads.submit(self._answer, environ, protocol, is_read, partial(_wake, loop, answered))
        await answered

    async def _read_body(self, environ: dict[str, Any], protocol: HTTPProtocol) -> bool:
        """Whether the whole body was read. One that is too large, or does not say its length, is not waited for."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if "HTTP_TRANSFER_ENCODING" in environ or length > self._body_bytes:
            return False
        if length:
            try:
                async with asyncio.timeout(self._body_seconds):
                    environ["wsgi.input"] = BytesIO(await protocol())
            except TimeoutError:
                environ[BODY_TIMED_OUT] = True
                return False
        return True

    def _answer(
        self, environ: dict[str, Any], protocol: HTTPProtocol, is_read: bool, answered: Callable[[], None]
    ) -> None:
        try:
            respond(self._application, environ, protocol, [] if is_read else [("Connection", "close")])
        except (BrokeOff, ProtocolClosed, ProtocolError):
            pass  # logged already, or nobody is there to read it
        except Exception as error:
            log.exception("The answer could not be sent.", exc_info=error)
        finally:
            answered()

    def __rsgi_del__(self, loop: AbstractEventLoop) -> None:
        self._threads.shutdown()


def make_environ(scope: Scope) -> dict[str, Any]:
    """The request as WSGI describes it (PEP 3333), without its body.

    Headers with an underscore are dropped: WSGI could not tell `X_Forwarded_For`, which any client can send, from
    `X-Forwarded-For`, which the proxy sets.
    """
    environ = {
        **_ENVIRON,
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(),
    }
    environ["SERVER_NAME"], _colon, environ["SERVER_PORT"] = scope.server.rpartition(":")
    for name, value in scope.headers.items():
        if "_" in name:
            continue
        key = _NOT_PREFIXED.get(name) or f"HTTP_{name.upper().replace('-', '_')}"
        separator = "; " if name == "cookie" else ","
        environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value
    return environ


def _wake(loop: AbstractEventLoop, answered: "Future[None]") -> None:
    loop.call_soon_threadsafe(answered.set_result, None)


def respond(
    application: WSGIHandler, environ: dict[str, Any], protocol: HTTPProtocol, more_headers: list[tuple[str, str]]
) -> None:
    """Call the application and send what it answers. What has a known length, files included, is sent in one piece."""
    status, headers = 500, list[tuple[str, str]]()

    def start_response(line: str, given: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], object]:
        nonlocal status, headers
        status, headers = int(line[:3]), given + more_headers
        return lambda _data: None

    response: Any = application(environ, start_response)
    try:
        if response.streaming and not response.has_header("Content-Length"):
            _stream(response, protocol.response_stream(status, headers))
        else:
            protocol.response_bytes(status, headers, b"".join(response))
    finally:
        response.close()


def _stream(pieces: Any, transport: Any) -> None:
    """Send an answer as it is made. A client that reads slowly keeps no thread waiting: the server holds what it has not read."""
    for piece in pieces:
        sent = transport.send_bytes(piece)
        next(sent.__await__(), None)  # done by now; raises where the client is gone


application = Application(
    wsgi_application,
    threads=settings.WEB_THREADS,
    body_seconds=settings.REQUEST_BODY_SECONDS,
    body_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
)
