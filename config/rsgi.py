"""The server's entry point: Django's WSGI application behind granian's asynchronous interface (RSGI).

With WSGI, a thread waits for the body of its request, so that a few clients which never finish theirs would block every thread.
Here the event loop waits, for up to `REQUEST_BODY_SECONDS`, and a thread gets a request when its body is complete.
"""

import asyncio
import logging
import sys
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from io import BytesIO
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Any, Final

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from granian.rsgi import HTTPProtocol, ProtocolClosed, ProtocolError, Scope  # type: ignore[attr-defined]

from config.wsgi import application as wsgi_application

# isort: split
# The imports below need the apps, which the line above has loaded.
from config.middleware import BODY_TIMED_OUT
from config.observability.request_log import ResponseInterrupted
from core.web.queue_time import COMPLETE_AT

log = logging.getLogger(__name__)

_ENVIRON: Final[dict[str, Any]] = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
_UNPREFIXED_HEADERS: Final = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


class Application:
    """Reads bodies on the event loop and runs Django in a fixed number of threads, each with its own database connection."""

    def __init__(self, application: WSGIHandler, *, threads: int, body_seconds: float, body_bytes: int) -> None:
        self._application = application
        self._threads = threads
        self._body_seconds = body_seconds
        self._body_bytes = body_bytes
        self._complete: SimpleQueue[Request] = SimpleQueue()
        """Requests that wait for a thread. With a pool of concurrent.futures, the smallest response would take 17 % longer."""

    def __rsgi_init__(self, loop: AbstractEventLoop) -> None:
        for number in range(self._threads):
            Thread(target=self._work, name=f"web-{number + 1}", daemon=True).start()

    def __rsgi_del__(self, loop: AbstractEventLoop) -> None:
        """Python before 3.13 runs no exit handlers in a forked process, so `logging` does not flush by itself."""
        logging.shutdown()

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        request = Request(make_environ(scope), protocol, asyncio.get_running_loop())
        try:
            await self._read_body(request)
        except (ProtocolClosed, ProtocolError):  # the client is gone
            return
        request.environ[COMPLETE_AT] = perf_counter()
        self._complete.put(request)
        await request.answered

    async def _read_body(self, request: "Request") -> None:
        """Read the body, unless it is too large or its length is unknown."""
        length = int(request.environ.get("CONTENT_LENGTH") or 0)
        if "HTTP_TRANSFER_ENCODING" in request.environ or length > self._body_bytes:
            request.is_read = False
        elif length:
            try:
                async with asyncio.timeout(self._body_seconds):
                    request.environ["wsgi.input"] = BytesIO(await request.protocol())
            except TimeoutError:
                request.environ[BODY_TIMED_OUT] = True
                request.is_read = False

    def _work(self) -> None:
        while True:
            request = self._complete.get()
            try:
                respond(self._application, request)
            except (ResponseInterrupted, ProtocolClosed, ProtocolError):
                pass  # logged already, or the client is gone
            except BaseException as error:  # a thread that ends is not replaced
                log.exception("The response could not be sent.", exc_info=error)
            finally:
                request.end()
            del request  # otherwise kept until the next request


class Request:
    """A request that the event loop passes to a thread."""

    __slots__ = ("_loop", "answered", "environ", "is_read", "protocol")

    def __init__(self, environ: dict[str, Any], protocol: HTTPProtocol, loop: AbstractEventLoop) -> None:
        self.environ = environ
        self.protocol = protocol
        self.is_read = True
        self.answered: Future[None] = loop.create_future()
        self._loop = loop

    def end(self) -> None:
        """Tell the event loop, from another thread, that the response was sent."""
        self._loop.call_soon_threadsafe(self.answered.set_result, None)


def make_environ(scope: Scope) -> dict[str, Any]:
    """The request as a WSGI environ (PEP 3333), without its body.

    Headers with an underscore are dropped, because WSGI cannot distinguish `X_Forwarded_For`, which any client can send, from
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
        key = _UNPREFIXED_HEADERS.get(name) or f"HTTP_{name.upper().replace('-', '_')}"
        separator = "; " if name == "cookie" else ","
        environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value
    return environ


def respond(application: WSGIHandler, request: Request) -> None:
    """Call the application and send its response; a response of known length, including a file, in one piece.

    If the request's body was not read, the connection is closed, because it cannot be used for another request.
    """
    status, headers = 500, list[tuple[str, str]]()

    def start_response(line: str, given: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], object]:
        nonlocal status, headers
        status, headers = int(line[:3]), given if request.is_read else [*given, ("Connection", "close")]
        return lambda _data: None

    response: Any = application(request.environ, start_response)
    try:
        if response.streaming and not response.has_header("Content-Length"):
            _stream(response, request.protocol.response_stream(status, headers))
        else:
            request.protocol.response_bytes(status, headers, b"".join(response))
    finally:
        response.close()


def _stream(chunks: Any, transport: Any) -> None:
    """Send a response in chunks. The server buffers what a slow client has not read yet, so that no thread waits for it."""
    for chunk in chunks:
        sent = transport.send_bytes(chunk)
        next(sent.__await__(), None)  # complete already; raises an error if the client is gone


application = Application(
    wsgi_application,
    threads=settings.WEB_THREADS,
    body_seconds=settings.REQUEST_BODY_SECONDS,
    body_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
)
